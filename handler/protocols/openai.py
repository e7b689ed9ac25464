"""OpenAI's embeddings API, for clients with `base_url=".../predictions/{model}/{version}/v1"`.

Schema: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from handler.call import Call, Row
from handler.errors import BertError, Invalid, UnknownTask, unknown
from handler.protocols import body
from handler.protocols.base import Protocol, Tasks, choose, dump
from handler.tasks.base import Archive, Task, TextRequest, parse
from handler.tasks.embedding import Embedding, EmbeddingRequest
from handler.tasks.info import Info, InfoRequest


class EmbeddingsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST v1/embeddings`."""

    input: Annotated[
        str | list[str | int | list[int]],
        Meta(description="a text, a list of texts, token ids, or a list of token id lists", examples=["Hello"]),
    ]
    model: Annotated[str, Meta(description="echoed; the archive is chosen by the path", examples=["bert"])] = ""
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: str | None = None


def embeddings(fields: Any) -> EmbeddingRequest:
    """An embedding request with the archive's own pooling."""
    if not isinstance(fields, dict):
        raise Invalid(f'the body is a {type(fields).__name__}; send an object with "input" and "model"')
    wanted = parse(EmbeddingsBody, fields)
    return EmbeddingRequest(
        inputs=inputs(wanted.input), dimensions=wanted.dimensions, encoding_format=wanted.encoding_format or "float"
    )


def inputs(given: str | list[str | int | list[int]]) -> str | list[str | list[int]]:
    """A flat list of ids is one input; texts and ids may not be mixed in one list."""
    if isinstance(given, str):
        return given
    ids = [item for item in given if isinstance(item, int)]
    if not ids:
        return [item for item in given if not isinstance(item, int)]
    if len(ids) < len(given):
        raise Invalid('"input" mixes token ids with texts or lists; send one kind')
    return [ids]


def embeddings_answer(call: Call, archive: Archive) -> dict[str, Any]:
    """A list of embedding objects and the tokens they took."""
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(call.answer)
        ],
        "model": archive.name,
        "usage": {"prompt_tokens": call.tokens, "total_tokens": call.tokens},
    }


def models_answer(call: Call, archive: Archive) -> dict[str, Any]:
    """The one model of this archive."""
    return {
        "object": "list",
        "data": [{"id": archive.name, "object": "model", "created": 0, "owned_by": "bert-on-torchserve"}],
    }


@dataclass(frozen=True, slots=True)
class Route:
    """One path of the API."""

    task: str
    request: Callable[[Any], TextRequest]
    answer: Callable[[Call, Archive], dict[str, Any]]


ROUTES = {
    "v1/embeddings": Route(Embedding.name, embeddings, embeddings_answer),
    "v1/models": Route(Info.name, lambda fields: InfoRequest(), models_answer),
}


class OpenAI(Protocol):
    """Paths that begin with `v1/`."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> tuple[Task[Any], TextRequest]:
        """See `Protocol.decode`."""
        if row.path not in ROUTES:
            raise UnknownTask(unknown("route", row.path, ROUTES))
        route = ROUTES[row.path]
        return choose(tasks, route.task), route.request(body.read(row).value)

    def encode(self, call: Call) -> bytes:
        """The route's object."""
        assert call.task is not None
        return dump(ROUTES[call.row.path].answer(call, call.task.archive))

    def encode_error(self, error: BertError) -> bytes:
        """OpenAI's error envelope."""
        kind = "server_error" if error.status >= 500 else "invalid_request_error"
        return dump({"error": {"message": str(error), "type": kind, "param": None, "code": error.error_type}})
