"""vLLM's score API, for clients with `base_url=".../predictions/{model}/{version}"`, with or without `/v1`.

Schema: vllm/entrypoints/pooling/scoring/protocol.py in https://github.com/vllm-project/vllm. Its rerank API is one with
Cohere's, in `cohere.py`.
"""

from __future__ import annotations

from http import HTTPStatus
from time import time
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

import msgspec
import numpy as np
from msgspec import Meta

from handler.call import Call
from handler.errors import BertError, Invalid
from handler.model import LoadedModel
from handler.protocols.base import BAD_REQUEST
from handler.protocols.openai import Usage, enveloped, usage
from handler.protocols.routed import Route, Routed, Switch, plain
from handler.tasks.inputs import as_list
from handler.tasks.rerank import Rerank
from handler.tasks.similarity import Similarity, SimilarityRequest
from handler.tasks.text_classification import TextClassification, TextClassificationRequest

Texts = str | list[str]
SIDES = (("queries", "documents"), ("queries", "items"), ("data_1", "data_2"), ("text_1", "text_2"))
"""Names of the two sides; the first pair that a body has counts."""


class ScoreBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `score`: two sides, each a text or a list; one text against many, or as many on both."""

    text_1: Annotated[Texts | None, Meta(description="first side", examples=["Where does Ada live?"])] = None
    text_2: Annotated[Texts | None, Meta(description="second side", examples=[["Ada lives in London."]])] = None
    queries: Annotated[Texts | None, Meta(description="first side, with documents or items")] = None
    documents: Annotated[Texts | None, Meta(description="second side")] = None
    items: Annotated[Texts | None, Meta(description="second side")] = None
    data_1: Annotated[Texts | None, Meta(description="first side")] = None
    data_2: Annotated[Texts | None, Meta(description="second side")] = None
    model: Annotated[str, Meta(description="ignored; the address names the model")] = ""
    use_activation: Annotated[bool | None, Meta(description="false: logits of a cross-encoder")] = None


class Score(msgspec.Struct):
    """A pair's."""

    index: int
    object: Literal["score"]
    score: float


class ScoreReply(msgspec.Struct):
    """Answer of `score`."""

    id: str
    object: Literal["list"]
    created: int
    model: str
    data: list[Score]
    usage: Usage


def sides(wire: ScoreBody) -> tuple[list[str], list[str]]:
    """Of one length, unless the first has one text.

    Raises:
        Invalid: a side is missing or empty, or their lengths do not fit.
    """
    pairs = ((getattr(wire, one), getattr(wire, other)) for one, other in SIDES)
    first, second = next(((one, other) for one, other in pairs if None not in (one, other)), (None, None))
    if first is None or second is None:
        names = ", or ".join(f'"{one}" and "{other}"' for one, other in SIDES)
        raise Invalid(f"a side is missing; send {names}")
    left, right = as_list(first), as_list(second)
    if not left or not right or len(left) not in (1, len(right)):
        raise Invalid(f"{len(left)} texts against {len(right)}; send one against any number, or as many on both sides")
    return left, right


def pairs(wire: ScoreBody) -> list[tuple[str, str]]:
    """What is compared."""
    left, right = sides(wire)
    return list(zip(left * len(right) if len(left) == 1 else left, right, strict=True))


def classified(wire: ScoreBody) -> TextClassificationRequest:
    """A cross-encoder's logits, which the answer puts through its activation."""
    return TextClassificationRequest(inputs=list(pairs(wire)), function_to_apply="none")


def compared(wire: ScoreBody) -> SimilarityRequest:
    """Cosines; one text against many is read once."""
    left, right = sides(wire)
    if len(left) == 1:
        return SimilarityRequest(source=left[0], sentences=right)
    return SimilarityRequest(inputs=pairs(wire))


def relevances(call: Call, model: LoadedModel) -> dict[str, Any]:
    """As `rerank` has them."""
    assert model.head is not None
    logits = np.array([labels[0]["score"] for labels in call.answer], dtype=np.float32)
    raw = call.protocol_state.use_activation is False
    return scored(call, model, logits if raw else model.head.relevance(logits))


def scored(call: Call, model: LoadedModel, scores: Any) -> dict[str, Any]:
    """A list of scores in the order of the pairs, and the tokens they took."""
    return {
        "id": f"score-{uuid4().hex}",
        "object": "list",
        "created": int(time()),
        "model": model.name,
        "data": [{"index": index, "object": "score", "score": score} for index, score in enumerate(scores)],
        "usage": usage(call),
    }


SCORE = Switch(
    {
        "classifier": Route(Rerank.name, ScoreBody, compared, plain, (ScoreReply,), "taken"),  # which it does not have
        "reranker": Route(TextClassification.name, ScoreBody, classified, relevances, (ScoreReply,), "taken"),
        "": Route(
            Similarity.name,
            ScoreBody,
            compared,
            lambda call, model: scored(call, model, call.answer),
            (ScoreReply,),
            "taken",
        ),
    }
)


class VLLM(Routed):
    """One route under two paths."""

    statuses: ClassVar = BAD_REQUEST
    routes: ClassVar = {"score": SCORE, "v1/score": SCORE}

    def encode_error(self, error: BertError) -> bytes:
        """OpenAI's envelope with HTTP's own words and numbers."""
        status = self.status(error)
        return enveloped(error, HTTPStatus(status).phrase, status)
