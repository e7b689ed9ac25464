"""`errors.md`: statuses, error types and each protocol's envelope, from the error tree and the protocols."""

from __future__ import annotations

import re
from collections.abc import Iterator

from handler import errors as tree
from handler.errors import (
    BertError,
    ConfigError,
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
from handler.protocols import NATIVE, PREFIXES
from handler.protocols.base import Protocol
from scripts.reference.markdown import block, code, first, page, table

INTRODUCTION = """\
An error concerns one request; other requests of the same batch get their responses. The message names what is wrong,
with the numbers, and the key that fixes it. It may quote the request, so it is never logged."""
ACTIONS: dict[type[BertError], str] = {
    Undecodable: "Send valid UTF-8 JSON with `content-type: application/json`.",
    Unauthorized: "Send `authorization: Bearer KEY` with a key of the server's key file.",
    UnknownTask: "Use a task or route that the message lists, or an archive with the head.",
    NotAcceptable: "Accept `application/json` for this task.",
    TooLarge: "Send fewer or shorter texts, or allow truncation. Do not retry unchanged.",
    Invalid: "Correct the key that the message names. Do not retry unchanged.",
    BertError: "Look for the traceback in the worker's log (`scripts/bert logs`).",
    Overloaded: "Retry after the seconds in `retry-after`, with fewer texts if it persists.",
    TimedOut: "Give it more time, or leave the header out.",
}
ENVELOPES = """\
Each protocol has its own envelope, the one its clients expect; OpenAI, Cohere and vLLM also have 400 for `too_large`.
Routes are relative to `/predictions/{model}/{version}/`; those of KServe are at the root of the server."""
ROUTES = {
    "v1": "`v1/...`",
    "v1/score": "`score`, `v1/score`",
    "v2": "`v1/rerank`, `v1/embed`, `v2/...`",
    "tei/v1": "`tei/embeddings`, `tei/v1/embeddings`",
    "kserve": "`/v1/models/...`, `/v2/models/...`, `vertex`",
}
SAMPLES: tuple[BertError, ...] = (Empty("there is no text; send at least one"), Overloaded("not computed in time"))
TORCHSERVE = """\
TorchServe itself responds if a request does not reach a worker or the worker dies. Its envelope, unless noted:"""
SHOWN = '{"code": 404, "type": "ModelNotFoundException", "message": "Model not found: nope"}'
NOTES = """\
Query parameters of a URL are ignored on `/predictions`. Connections are kept open even if the client asks for
`connection: close`, so read a body by its `content-length`; after a 400, and after an `overloaded` of a worker, the
server closes the connection."""
OWN: tuple[tuple[str, str, str], ...] = (
    (
        "400",
        "`InvalidKeyException`: TorchServe, started by itself, wants its own token, and it is missing or wrong",
        "Send the token.",
    ),
    (
        "404",
        "`ModelNotFoundException`, `ModelVersionNotFoundException`",
        "Check name and version: `scripts/bert status`.",
    ),
    ("413", "request over `max_request_size`; empty body", "Send less per request."),
    ("500", "`ErrorDataDecoderException`: a form with a bare `%`", "Encode the form, or send JSON."),
    ("500, 507", "`Worker died.`", "Retry; look at the worker's log."),
    ("503", "the queue is full, or the model has no worker", "Retry later; raise `jobQueueSize` or add workers."),
)
CONFIG = """\
`ConfigError` (`config`) has no status: it ends a worker at its start, and no request sees it. `scripts/bert start`
shows its message."""
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Of a response; each has another one."""


def errors() -> str:
    """The page."""
    rows = [(str(kind.status), code(kind.error_type), first(kind.__doc__), ACTIONS.get(kind, "")) for kind in kinds()]
    return page(
        "Errors",
        INTRODUCTION,
        table(("status", "error_type", "when", "what to do"), rows),
        CONFIG,
        "## Envelopes",
        ENVELOPES,
        table(("protocol", "routes", *(code(error.error_type) for error in SAMPLES)), envelopes()),
        "## TorchServe's own errors",
        TORCHSERVE,
        block(SHOWN, "json"),
        table(("status", "when", "what to do"), OWN),
        NOTES,
    )


def kinds() -> list[type[BertError]]:
    """The errors that a request can get, by status."""
    found = [each for each in vars(tree).values() if isinstance(each, type) and issubclass(each, BertError)]
    inner = {ConfigError, Empty}  # of which no request sees one, and the other as `Invalid`
    return sorted((each for each in found if each not in inner), key=lambda kind: kind.status)


def envelopes() -> Iterator[tuple[str, ...]]:
    """A line per protocol."""
    for routes, protocol in protocols():
        bodies = ((protocol.status(error), protocol.encode_error(error).decode()) for error in SAMPLES)
        yield type(protocol).__name__, routes, *(f"{status} {code(ID.sub('...', body))}" for status, body in bodies)


def protocols() -> Iterator[tuple[str, Protocol]]:
    """Where each is spoken; those with the native envelope are left out."""
    yield "all others", NATIVE
    native = NATIVE.encode_error(SAMPLES[0])
    prefixes = {protocol: prefix for prefix, protocol in reversed(PREFIXES.items())}  # the first of one with several
    for protocol, prefix in reversed(prefixes.items()):
        if protocol.encode_error(SAMPLES[0]) != native:
            yield ROUTES.get(prefix, f"`{prefix}/...`"), protocol
