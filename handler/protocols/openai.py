"""OpenAI's embeddings API, for clients with `base_url=".../predictions/{model}/{version}/v1"`.

Schema: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from handler.call import Call
from handler.errors import BertError, Unauthorized, UnknownTask, quote
from handler.model import LoadedModel
from handler.protocols.base import BAD_REQUEST, Decoded, EncodedBody, Tasks, choose, dump, rows
from handler.protocols.operations import Archive, Operation, Operations
from handler.protocols.routed import Nothing, Route, Routed
from handler.tasks.embedding import Embedding, EmbeddingRequest
from handler.tasks.info import Info, InfoRequest
from handler.tasks.inputs import id_lists
from handler.types import Row

MODEL = "v1/models/"


class EmbeddingsBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `POST v1/embeddings`."""

    input: Annotated[
        str | list[str | int | list[int]],
        Meta(description="a text, a list of texts, token ids, or a list of token id lists", examples=["Hello"]),
    ]
    model: Annotated[str, Meta(description="ignored; the address names the model", examples=["bert"])] = ""
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    user: str | None = None


class Vector(msgspec.Struct):
    """One embedding."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(msgspec.Struct):
    """Tokens of all inputs."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsReply(msgspec.Struct):
    """Answer of `v1/embeddings`."""

    object: Literal["list"]
    data: list[Vector]
    model: str
    usage: Usage


def embeddings(wanted: EmbeddingsBody) -> EmbeddingRequest:
    """An embedding request with the archive's own pooling."""
    return EmbeddingRequest(
        inputs=wanted.input if isinstance(wanted.input, str) else id_lists("input", wanted.input),
        dimensions=wanted.dimensions or None,
        encoding_format=wanted.encoding_format or "float",
    )


def embeddings_answer(call: Call, model: LoadedModel) -> dict[str, Any]:
    """A list of embedding objects and the tokens they took."""
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(rows(call.answer))
        ],
        "model": model.name,
        "usage": usage(call),
    }


def usage(call: Call) -> dict[str, int]:
    """Nothing is generated, so all tokens are the prompt's."""
    return {"prompt_tokens": call.tokens, "total_tokens": call.tokens}


def models_answer(call: Call, model: LoadedModel) -> dict[str, Any]:
    """The one model of this archive."""
    return {"object": "list", "data": [described(model)]}


def described(model: LoadedModel) -> dict[str, Any]:
    """A model as `v1/models` has it."""
    return {"id": model.name, "object": "model", "created": 0, "owned_by": "bert-on-torchserve"}


class OpenAI(Routed):
    """Paths that begin with `v1/`."""

    statuses: ClassVar = BAD_REQUEST
    routes: ClassVar = {
        "v1/embeddings": Route(Embedding.name, EmbeddingsBody, embeddings, embeddings_answer, (EmbeddingsReply,)),
        "v1/models": Route(Info.name, Nothing, lambda _: InfoRequest(), models_answer, (dict[str, Any],)),
    }

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """See `Protocol.decode`; `v1/models/{id}` has no fixed path."""
        if not row.path.startswith(MODEL):
            return super().decode(row, tasks, default)
        task, name = choose(tasks, Info.name), row.path.removeprefix(MODEL)
        if name != task.model.name:
            raise UnknownTask(f"the model {quote(name)} does not exist; this address has {task.model.name}")
        return Decoded(task, InfoRequest())

    def encode(self, call: Call) -> EncodedBody:
        """See `Protocol.encode`."""
        assert call.task is not None
        one = call.row.path.startswith(MODEL)
        return EncodedBody(dump(described(call.task.model))) if one else super().encode(call)

    def operations(self, archive: Archive) -> Operations:
        """See `Protocol.operations`."""
        one = Operation("The one model of this archive.", replies=(dict[str, Any],))
        return {**super().operations(archive), MODEL + archive.name: one}

    def encode_error(self, error: BertError) -> bytes:
        """OpenAI's error envelope."""
        kind = "server_error" if error.status >= 500 else "invalid_request_error"
        code = "invalid_api_key" if isinstance(error, Unauthorized) else error.error_type
        return enveloped(error, kind, code)


def enveloped(error: BertError, kind: str, code: str | int) -> bytes:
    """The envelope of OpenAI's, and of servers that took it over with their own words in it."""
    return dump({"error": {"message": str(error), "type": kind, "param": None, "code": code}})
