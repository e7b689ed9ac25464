"""Good requests in several forms, and bad ones with the status that each deserves."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from benchmarks.gpu.served.archives import MAIN
from benchmarks.gpu.served.clients import JSON
from benchmarks.gpu.served.wires import Vectors

TEXT, FORM = "text/plain", "application/x-www-form-urlencoded"
OPENAI = "/1.0/v1/embeddings"
ONE_IN = 5


class Job(NamedTuple):
    """A request and what it should get.

    Attributes:
        body: of the request.
        kind: its content type.
        path: what follows the model in the address.
        wanted: status.
        vector: that each vector of the answer should be; None for a bad request.
    """

    body: bytes
    kind: str
    path: str
    wanted: int
    vector: Vectors | None = None


BAD = [
    Job(b"", JSON, "", 422),
    Job(b"{", JSON, "", 400),
    Job(b'{"inputs": NaN}', JSON, "", 400),
    Job(b'{"inputs": "\xff\xfe"}', JSON, "", 400),
    Job(b"\xc3\x28", TEXT, "", 400),
    Job(b'{"inputs": "100%"}', FORM, "", 400),
    Job(b'{"inputs": ""}', JSON, "", 422),
    Job(b'{"inputs": ["a", " \\n"]}', JSON, "", 422),
    Job(b'{"inputs": []}', JSON, "", 422),
    Job(b'{"inputs": null}', JSON, "", 422),
    Job(b'{"inputs": 3.5}', JSON, "", 422),
    Job(b'{"inputs": [[1, 1000000000]]}', JSON, "", 422),
    Job(b'{"inputs": "a", "poling": "cls"}', JSON, "", 422),
    Job(b'{"inputs": "a", "pooling": "sum"}', JSON, "", 422),
    Job(b'{"inputs": "a", "dimensions": 1e99}', JSON, "", 422),
    Job(b'{"inputs": "a", "task": "embed"}', JSON, "", 404),
    Job(b'{"inputs": "a"}', JSON, "/1.0/nothing", 404),
    Job(b'{"input": ""}', JSON, OPENAI, 422),
    Job(orjson.dumps({"inputs": ["a"] * 2049}), JSON, "", 413),
    Job(orjson.dumps({"inputs": "a" * 2_000_001}), JSON, "", 413),
]

GOOD: list[Callable[[str], tuple[bytes, str, str]]] = [
    lambda text: (orjson.dumps({"inputs": text}), JSON, ""),
    lambda text: (orjson.dumps({"inputs": [text, text]}), JSON, "/1.0/embedding"),
    lambda text: (orjson.dumps({"input": [text], "model": MAIN}), JSON, OPENAI),
    lambda text: (orjson.dumps({"input": text, "model": MAIN, "encoding_format": "base64"}), JSON, OPENAI),
    lambda text: (text.encode(), TEXT, ""),
]


def draw(client: int, turn: int, alone: Mapping[str, Vectors]) -> Job:
    """What a client sends as its request of that number: in every fifth turn, which differ by client, a bad one.

    Args:
        client: its number.
        turn: of its requests.
        alone: texts and their vectors.
    """
    rng = random.Random(f"{client} {turn}")
    if (client + turn) % ONE_IN == 0:
        return rng.choice(BAD)
    text = rng.choice(list(alone))
    return Job(*rng.choice(GOOD)(text), 200, alone[text])
