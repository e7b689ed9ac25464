"""OpenAI's batch files: requests in, a line of JSON each; answers out, and those that failed apart, in the same form.

Format: `BatchRequestInput` and `BatchRequestOutput` of https://platform.openai.com/docs/api-reference/batch
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import msgspec
import orjson
from msgspec import Struct

from scripts.bulk.engines import Engine
from scripts.bulk.job import Block, Done, Recipe
from scripts.bulk.rows import BAD, Bad, Record
from scripts.bulk.writers import write_lines

ROUTE = re.compile(r"(/(?!\.+(/|$))[A-Za-z0-9._~:@+-]+)+/?")
"""What leads nowhere but to a model, also behind a client that resolves `..` or cuts off a query."""
INVALID = "invalid_request"
"""Code of lines that are no requests."""


class Line(Struct, frozen=True):
    """One request; `url` is a route of the server's, such as `/v1/embeddings`."""

    custom_id: str
    url: str
    body: dict[str, Any]
    method: Literal["POST"] = "POST"

    def __post_init__(self) -> None:
        if not ROUTE.fullmatch(self.url):
            raise ValueError(f"url is {self.url!r}; it is a path such as /v1/embeddings, without a query, . or ..")


def answer_requests(engine: Engine, recipe: Recipe, folder: Path, block: Block) -> Done:
    """See `work.process`; lines that have no answer of status 200 are in the files of bad rows."""
    content = block.read()
    requests: list[tuple[int, Line]] = []
    failed = [no_request(block, bad, None) for bad in content.bad]
    for row, record in zip(content.rows, content.records(), strict=True):
        try:
            requests.append((row, msgspec.convert(record, Line)))
        except msgspec.ValidationError as error:
            failed.append(no_request(block, Bad(row, str(error)), record.get("custom_id")))
    replies = engine.replies([(line.url.strip("/"), orjson.dumps(line.body)) for _, line in requests])
    lines = [answered(block, row, line, *reply) for (row, line), reply in zip(requests, replies, strict=True)]
    failed += [line for line in lines if not succeeded(line)]
    if failed:
        write_lines(folder / f"{BAD}-{block.label}.jsonl", failed)
    write_lines(recipe.part(folder, block), filter(succeeded, lines))
    return Done(block.rows, len(failed))


def answered(block: Block, row: int, line: Line, status: int, body: bytes) -> Record:
    """A request that was sent; a page for browsers is no answer."""
    if not is_line(body):
        return no_request(block, Bad(row, f"{line.url} answers no JSON"), line.custom_id)
    name = identity(block, row)
    response = {"status_code": status, "request_id": f"req_{name}", "body": orjson.Fragment(body)}
    return {"id": f"batch_req_{name}", "custom_id": line.custom_id, "response": response, "error": None}


def succeeded(line: Record) -> bool:
    """Whether a line goes into the file of answers."""
    return line["response"] is not None and line["response"]["status_code"] == 200


def is_line(body: bytes) -> bool:
    """Whether a body is JSON, and on one line."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return b"\n" not in body


def no_request(block: Block, bad: Bad, custom_id: Any) -> Record:
    """A line that could not be sent."""
    error = {"code": INVALID, "message": f"line {bad.row}: {bad.reason}"}
    return {"id": f"batch_req_{identity(block, bad.row)}", "custom_id": custom_id, "response": None, "error": error}


def identity(block: Block, row: int) -> str:
    """Of a line among all lines of all files."""
    return f"{block.label}_{row:09}"
