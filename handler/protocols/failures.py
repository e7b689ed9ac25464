"""Errors in the OpenAPI document: for each protocol and status, what went wrong and what the body looks like."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from handler.errors import (
    BertError,
    Empty,
    Invalid,
    NotAcceptable,
    Overloaded,
    TimedOut,
    TooLarge,
    Unauthorized,
    Undecodable,
    UnknownTask,
)
from handler.protocols.base import JSON, Protocol
from handler.protocols.operations import first_line
from handler.protocols.schemas import Schema

SAMPLES: tuple[BertError, ...] = (
    Undecodable("the body is not JSON: unexpected end of data: line 1 column 1 (char 0)"),
    Unauthorized("this server requires an API key; send authorization: Bearer KEY"),
    UnknownTask("unknown task 'embeding'; did you mean 'embedding'? Known: embedding, info, tokenize"),
    NotAcceptable("tokenize answers JSON; application/x-npy is for tasks whose answer is an array"),
    TooLarge("3000 texts in one request, the limit is 2048; send fewer"),
    Invalid("unknown key 'input'; did you mean 'inputs'? Known: inputs, truncation"),
    Empty("there is no text; send at least one"),
    BertError("the server failed on this request; its log names the place"),
    Overloaded("not computed within the 96 s a batch may take; send fewer texts at once, or send it again"),
    TimedOut("this was not computed within the time given in x-request-timeout-ms"),
)
"""One of each kind that a request can get."""
TORCHSERVE = {
    404: ("ModelNotFoundException", "Model not found: bert"),
    503: (
        "ServiceUnavailableException",
        'Model "bert" Version 1.0 has no worker to serve inference request. Please use scale workers API to add '
        "workers. If this is a sequence inference, please check if it is closed, or expired; or exceeds "
        "maxSequenceJobQueueSize",
    ),
    507: ("InternalServerException", "Worker died."),
}
"""What TorchServe answers by itself, whatever the protocol: status, type, message."""
IDENTITY = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Of an error, each of which has another one; in a document they are all zero."""


def responses(protocol: Protocol) -> dict[str, Schema]:
    """By name, which ends in a status: what it means, and an example for each kind of error that has it."""
    found: dict[int, dict[str, tuple[str, Schema]]] = {}
    for status, name, meaning, body in [*own(protocol), *torchserve()]:
        found.setdefault(status, {})[name] = (meaning, body)
    return {f"{tag(protocol)}{status}": response(found[status]) for status in sorted(found)}


def tag(protocol: Protocol) -> str:
    """A protocol's name in the document."""
    return type(protocol).__name__


def own(protocol: Protocol) -> Iterator[tuple[int, str, str, Schema]]:
    """Those of a worker: status, name, meaning, body."""
    for error in SAMPLES:
        body = orjson.loads(IDENTITY.sub(b"00000000-0000-0000-0000-000000000000", protocol.encode_error(error)))
        yield protocol.status(error), type(error).__name__, first_line(type(error).__doc__), body


def torchserve() -> Iterator[tuple[int, str, str, Schema]]:
    """Those of TorchServe, which no worker has seen."""
    for status, (kind, message) in TORCHSERVE.items():
        yield status, kind, f"TorchServe itself: {kind}.", {"code": status, "type": kind, "message": message}


def response(errors: dict[str, tuple[str, Schema]]) -> Schema:
    """All errors of one status."""
    meanings = dict.fromkeys(meaning for meaning, _ in errors.values())
    examples = {name: {"summary": meaning, "value": body} for name, (meaning, body) in errors.items()}
    content = {JSON: {"schema": {"type": "object"}, "examples": examples}}
    return {"description": " ".join(meanings), "content": content}
