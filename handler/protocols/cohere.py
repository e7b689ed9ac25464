"""Cohere's rerank and embed APIs, versions 1 and 2, for clients with `base_url=".../predictions/{model}/{version}"`.

Schemas: https://docs.cohere.com/reference/rerank, https://docs.cohere.com/reference/embed. Jina and vLLM serve rerank
APIs of their own under the same paths (https://api.jina.ai/redoc#tag/rerank, and the files that `vllm.py` names), so
`rerank` takes the keys of all three, and its answer has those of all three. Voyage's has another answer, which a body
with one of Voyage's own keys gets (https://docs.voyageai.com/reference/reranker-api; its client always sends one).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from handler.call import Call
from handler.config import Truncation
from handler.errors import BertError
from handler.model import LoadedModel
from handler.protocols.base import BAD_REQUEST, dump
from handler.protocols.cohere_inputs import Embedded
from handler.protocols.openai import Usage, usage
from handler.protocols.routed import Route, Routed
from handler.tasks.embedding import FORMATS, Embedding, EmbeddingRequest
from handler.tasks.rerank import Rerank, RerankRequest
from handler.tasks.vectors import Vectors
from handler.types import Side

POLICIES: dict[str, Truncation] = {"NONE": "error", "START": "left", "END": "right"}
SIDES: dict[str, Side] = {"search_query": "query", "search_document": "document"}
Kind = Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]


def shifted(name: str) -> Callable[[Vectors], Any]:
    """An unsigned form of a signed one."""
    return lambda vectors: (FORMATS[name](vectors).astype(np.int16) + 128).astype(np.uint8)


EMBEDDING_TYPES: dict[str, Callable[[Vectors], Any]] = {
    **FORMATS,
    "uint8": shifted("int8"),
    "ubinary": shifted("binary"),
}


class Document(msgspec.Struct, frozen=True):
    """A document with fields, of which the text is read."""

    text: str


class RerankDocuments(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `rerank`."""

    query: Annotated[str, Meta(description="search query", examples=["Where does Ada live?"])]
    documents: Annotated[
        str | list[str | Document], Meta(description="texts to rank", examples=[["Ada lives in London.", "It rains."]])
    ]
    model: Annotated[str, Meta(description="ignored; the address names the model", examples=["bert"])] = ""
    top_n: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="best documents to return; 0 is all")] = None
    return_documents: Annotated[bool, Meta(description="whether to repeat the documents")] = True
    top_k: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="Voyage's name of top_n")] = None
    truncation: Annotated[bool | None, Meta(description="Voyage's: false refuses texts that are too long")] = None
    use_activation: Annotated[bool | None, Meta(description="false: logits of a cross-encoder")] = None
    max_tokens_per_doc: Annotated[int | None, Meta(description="ignored; the model's max_length applies")] = None
    priority: int | None = None
    rank_fields: Annotated[list[Literal["text"]] | None, Meta(description="of documents with fields: text")] = None
    max_chunks_per_doc: Annotated[int | None, Meta(description="ignored")] = None

    @property
    def voyage(self) -> bool:
        """Whether a client of Voyage's asks."""
        return self.top_k is not None or self.truncation is not None


class EmbedV2(Embedded, frozen=True, kw_only=True):
    """Body of `v2/embed`."""

    model: Annotated[str, Meta(description="ignored; the address names the model", examples=["bert"])] = ""
    input_type: Annotated[
        Literal["search_query", "search_document", "classification", "clustering", "image"] | None,
        Meta(description="search_query and search_document choose the archive's prompts for these"),
    ] = None
    embedding_types: Annotated[list[Kind] | None, Meta(description="embedding types to return; default float")] = None
    output_dimension: Annotated[int, Meta(ge=1)] | None = None
    truncate: Literal["NONE", "START", "END"] = "END"
    max_tokens: Annotated[int | None, Meta(description="ignored; the model's max_length applies")] = None
    priority: int | None = None


class Result(msgspec.Struct):
    """A document's place in the request and its score."""

    index: int
    relevance_score: float
    document: Document | UnsetType = UNSET


class RerankReply(msgspec.Struct):
    """Answer of `rerank`."""

    id: str
    model: str
    usage: Usage
    results: list[Result]
    meta: dict[str, Any]


class VoyageResult(msgspec.Struct):
    """The same, with the document as a text."""

    index: int
    relevance_score: float
    document: str | UnsetType = UNSET


class VoyageReply(msgspec.Struct):
    """Answer of `rerank` to a body with `top_k` or `truncation`."""

    object: Literal["list"]
    data: list[VoyageResult]
    model: str
    usage: Usage


class EmbedReply(msgspec.Struct):
    """Answer of `embed`: vectors by form, or in version 1 without forms a list."""

    id: str
    response_type: str
    embeddings: dict[str, Any] | list[list[float]]
    texts: list[str]
    meta: dict[str, Any]


def rerank(wire: RerankDocuments) -> RerankRequest:
    """Documents are texts.

    They come back unless the client says no: vLLM always returns them, so its clients may rely on them, and Jina does
    by default. Cohere's version 1 does not by default and its version 2 never, but its clients read over a key that
    they did not ask for.
    """
    documents = [wire.documents] if isinstance(wire.documents, str) else wire.documents
    return RerankRequest(
        query=wire.query,
        texts=[each.text if isinstance(each, Document) else each for each in documents],
        top_n=wire.top_n or wire.top_k or None,
        raw_scores=wire.use_activation is False,
        return_text=wire.return_documents,
        truncation="error" if wire.truncation is False else None,
    )


def ranked(call: Call, model: LoadedModel) -> dict[str, Any]:
    """Indices, scores and documents, best first."""
    if call.protocol_state.voyage:
        return ranked_for_voyage(call, model)
    results: list[dict[str, Any]] = []
    for item in call.answer:
        document = {"document": {"text": item["text"]}} if "text" in item else {}
        results.append({"index": item["index"], "relevance_score": item["score"], **document})
    billed = meta(call, search_units=1)
    return {"id": str(uuid4()), "model": model.name, "usage": usage(call), "results": results, "meta": billed}


def ranked_for_voyage(call: Call, model: LoadedModel) -> dict[str, Any]:
    """See `VoyageReply`."""
    data = [
        {"index": item["index"], "relevance_score": item["score"]}
        | ({"document": item["text"]} if "text" in item else {})
        for item in call.answer
    ]
    return {"object": "list", "data": data, "model": model.name, "usage": usage(call)}


def embed(wire: EmbedV2) -> EmbeddingRequest:
    """Vectors as floats, of which the answer makes the forms."""
    return EmbeddingRequest(
        inputs=[*wire.all_texts()],
        input_type=SIDES.get(wire.input_type or ""),
        dimensions=wire.output_dimension,
        truncation=POLICIES[wire.truncate],
    )


def embedded(call: Call, model: LoadedModel) -> dict[str, Any]:
    """Vectors by form."""
    types = call.protocol_state.embedding_types or ["float"]
    return {
        "id": str(uuid4()),
        "response_type": "embeddings_by_type",
        "embeddings": {kind: EMBEDDING_TYPES[kind](call.answer) for kind in types},
        "texts": call.protocol_state.all_texts(),
        "meta": meta(call, input_tokens=call.tokens),
    }


def embedded_v1(call: Call, model: LoadedModel) -> dict[str, Any]:
    """By form where forms were named; else a plain list."""
    answer = embedded(call, model)
    if call.protocol_state.embedding_types is None:
        answer |= {"response_type": "embeddings_floats", "embeddings": call.answer}
    return answer


def meta(call: Call, **units: int) -> dict[str, Any]:
    """What Cohere would bill."""
    return {"api_version": {"version": call.row.path[1]}, "billed_units": units}


class Cohere(Routed):
    """Four paths."""

    statuses: ClassVar = BAD_REQUEST
    routes: ClassVar = {
        "v1/rerank": Route(Rerank.name, RerankDocuments, rerank, ranked, (RerankReply, VoyageReply), "taken"),
        "v2/rerank": Route(Rerank.name, RerankDocuments, rerank, ranked, (RerankReply, VoyageReply), "taken"),
        "v1/embed": Route(Embedding.name, EmbedV2, embed, embedded_v1, (EmbedReply,)),
        "v2/embed": Route(Embedding.name, EmbedV2, embed, embedded, (EmbedReply,)),
    }

    def encode_error(self, error: BertError) -> bytes:
        """Cohere's error object."""
        return dump({"id": str(uuid4()), "message": str(error)})
