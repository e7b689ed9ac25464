"""Infinity's routes, for clients whose base address is `.../predictions/{model}/{version}/infinity`.

Schema: libs/infinity_emb/infinity_emb/fastapi_schemas/pymodels.py in https://github.com/michaelfeil/infinity
"""

from __future__ import annotations

from time import time
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

import msgspec
from msgspec import Meta

from handler.call import Call
from handler.errors import BertError
from handler.model import LoadedModel
from handler.protocols import openai
from handler.protocols.openai import EmbeddingsBody, EmbeddingsReply, Usage
from handler.protocols.routed import Nothing, Route, Routed
from handler.tasks.embedding import Embedding
from handler.tasks.info import Info, InfoRequest
from handler.tasks.rerank import Rerank, RerankRequest
from handler.tasks.response_schemas import Labelled
from handler.tasks.text_classification import TextClassification, TextClassificationRequest


class InfinityEmbeddings(EmbeddingsBody, frozen=True, kw_only=True):
    """Body of `embeddings`: OpenAI's, and which kind of input it is."""

    dimensions: Annotated[int, Meta(ge=0, description="0 is all")] = 0
    modality: Annotated[Literal["text"], Meta(description="these models read no images and no audio")] = "text"


class InfinityRerank(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `rerank`."""

    query: Annotated[str, Meta(examples=["Where does Ada live?"])]
    documents: Annotated[list[str], Meta(examples=[["Ada lives in London.", "It rains."]])]
    return_documents: bool = False
    raw_scores: Annotated[bool, Meta(description="logits of a cross-encoder")] = False
    model: Annotated[str, Meta(description="ignored; the address names the model")] = ""
    top_n: Annotated[int, Meta(ge=1)] | None = None


class InfinityClassify(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `classify`."""

    input: Annotated[list[str], Meta(examples=[["I like it."]])]
    model: Annotated[str, Meta(description="ignored; the address names the model")] = ""
    raw_scores: Annotated[bool, Meta(description="logits instead of probabilities")] = False


class Made(msgspec.Struct):
    """What every answer has."""

    id: str
    created: int
    model: str
    usage: Usage


class InfinityEmbeddingsReply(EmbeddingsReply):
    """Answer of `embeddings`."""

    id: str
    created: int


class InfinityResult(msgspec.Struct):
    """A document's place in the request and its score."""

    relevance_score: float
    index: int
    document: str | None


class InfinityRerankReply(Made):
    """Answer of `rerank`."""

    object: Literal["rerank"]
    results: list[InfinityResult]


class InfinityClassifyReply(Made):
    """Answer of `classify`."""

    object: Literal["classify"]
    data: list[list[Labelled]]


def rerank(wire: InfinityRerank) -> RerankRequest:
    """The native one by other names."""
    return RerankRequest(
        query=wire.query,
        texts=wire.documents,
        top_n=wire.top_n,
        raw_scores=wire.raw_scores,
        return_text=wire.return_documents,
    )


def classify(wire: InfinityClassify) -> TextClassificationRequest:
    """With the model's own activation or none."""
    return TextClassificationRequest(inputs=list(wire.input), function_to_apply="none" if wire.raw_scores else None)


def made(call: Call, model: LoadedModel, kind: str, **answer: Any) -> dict[str, Any]:
    """An answer and what every one has."""
    common = {"id": f"infinity-{uuid4()}", "created": int(time()), "model": model.name, "usage": openai.usage(call)}
    return {"object": kind, **answer, **common}


def embedded(call: Call, model: LoadedModel) -> dict[str, Any]:
    """OpenAI's."""
    return made(call, model, "list", data=openai.embeddings_answer(call, model)["data"])


def ranked(call: Call, model: LoadedModel) -> dict[str, Any]:
    """Best first; documents are null unless they were asked for."""
    results = [
        {"relevance_score": item["score"], "index": item["index"], "document": item.get("text")} for item in call.answer
    ]
    return made(call, model, "rerank", results=results)


CAPABILITIES = {"embed": Embedding.name, "classify": TextClassification.name, "rerank": Rerank.name}
"""Theirs -> the task that an archive must have for it."""


def models(call: Call, model: LoadedModel) -> dict[str, Any]:
    """The one model of this archive. A worker does not see TorchServe's queue, so there are no figures of it."""
    able = [name for name, task in CAPABILITIES.items() if task in model.tasks]
    about = {"owned_by": "infinity", "stats": {}, "backend": model.runtime, "capabilities": able}
    return {"object": "list", "data": [openai.described(model) | about]}


class Infinity(Routed):
    """Paths that begin with `infinity/`."""

    routes: ClassVar = {
        "infinity/embeddings": Route(
            Embedding.name, InfinityEmbeddings, openai.embeddings, embedded, (InfinityEmbeddingsReply,), "taken"
        ),
        "infinity/rerank": Route(Rerank.name, InfinityRerank, rerank, ranked, (InfinityRerankReply,), "taken"),
        "infinity/classify": Route(
            TextClassification.name,
            InfinityClassify,
            classify,
            lambda call, model: made(call, model, "classify", data=call.answer),
            (InfinityClassifyReply,),
            "taken",
        ),
        "infinity/models": Route(Info.name, Nothing, lambda _: InfoRequest(), models, (dict[str, Any],)),
        "infinity/health": Route(
            Info.name, Nothing, lambda _: InfoRequest(), lambda call, model: {"unix": time()}, (dict[str, float],)
        ),
    }

    def encode_error(self, error: BertError) -> bytes:
        """OpenAI's envelope with the status as its code."""
        return openai.enveloped(error, error.error_type, error.status)
