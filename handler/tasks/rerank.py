"""`rerank`: texts by how well they answer a query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, get_args

import numpy as np
from msgspec import Meta

from handler import poolings
from handler.device import Reading
from handler.errors import Empty
from handler.head import Head, Scores
from handler.late_interaction import LateInteraction
from handler.model import LoadedModel
from handler.tasks import prompts
from handler.tasks.base import Task, TextRequest
from handler.tasks.multi_vector import MultiVector
from handler.tasks.scores import Indices, of_windows, top_k_indices
from handler.tasks.sparse_embedding import SparseEmbedding, SparseEmbeddingRequest
from handler.tasks.vectors import normalized_embeddings
from handler.types import Encoding, Output, Side, Text


class RerankRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `rerank`."""

    query: Annotated[str, Meta(description="search query", examples=["Where does Ada live?"])]
    texts: Annotated[list[str], Meta(description="texts to rank", examples=[["Ada lives in London.", "It rains."]])]
    return_text: Annotated[bool, Meta(description="whether to include the texts in the response")] = False
    raw_scores: Annotated[bool, Meta(description="the logits of a cross-encoder, without its activation")] = False
    top_n: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="number of best results to return; default: all")
    ] = None


class Scorer(ABC):
    """How relevant a text is to a query.

    Attributes:
        reading: what it looks at of the model's outputs.
    """

    reading: Reading | None

    @abstractmethod
    def texts(self, query: str, texts: Sequence[str]) -> list[Text]:
        """What the model reads."""

    def fit(self, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """See `Task.fit`."""
        return windows

    @abstractmethod
    def scores(self, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]], raw: bool) -> Scores:
        """`(texts,)`."""


class CrossEncoder(Scorer):
    """A head with one score reads query and text together. A long text is as good as its best window."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.reading = head.sequence_scores

    def texts(self, query: str, texts: Sequence[str]) -> list[Text]:
        """Pairs."""
        return [(query, text) for text in texts]

    def scores(self, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]], raw: bool) -> Scores:
        """After the activation that sentence-transformers would apply."""
        windows, starts = of_windows(self.head, outputs)
        scores = windows[:, 0] if raw else self.head.relevance(windows[:, 0])
        best: Scores = np.maximum.reduceat(scores, starts)
        return best


class Sides(Scorer):
    """One that reads query and texts apart."""

    def __init__(self, model: LoadedModel, reading: Reading | None) -> None:
        self.model, self.reading = model, reading

    def texts(self, query: str, texts: Sequence[str]) -> list[Text]:
        """The query and then the texts, each with the archive's prompt for its side."""
        asked = prompts.prepend(self.prompt("query"), [query])
        return asked + prompts.prepend(self.prompt("document"), texts)

    def prompt(self, side: Side) -> str:
        """The archive's."""
        return prompts.for_input_type(self.model.config, side)


class BiEncoder(Sides):
    """Cosines of the archive's embeddings."""

    def fit(self, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """See `Task.fit`."""
        return prompts.unpooled(self.model, self.prompt("document" if index else "query"), windows)

    def scores(self, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]], raw: bool) -> Scores:
        """Between -1 and 1."""
        (query,) = normalized_embeddings(self.model, outputs[:1], "query")
        cosines: Scores = normalized_embeddings(self.model, outputs[1:], "document") @ query
        return cosines


class MaxSim(Sides):
    """For each token of the query the nearest one of the text, added up."""

    def __init__(self, model: LoadedModel, interaction: LateInteraction) -> None:
        super().__init__(model, interaction.reading)
        self.interaction = interaction

    def fit(self, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """See `Task.fit`."""
        return self.interaction.fit("document" if index else "query", windows, policy)

    def scores(self, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]], raw: bool) -> Scores:
        """At most the number of the query's vectors."""
        sides: list[Side] = ["query", *["document"] * (len(outputs) - 1)]  # type: ignore[list-item]
        query, *texts = self.interaction.vectors(sides, encodings, outputs)
        return self.interaction.scores(query, texts)


class SparseDot(Sides):
    """Dot products of the weights of words, as sentence-transformers' sparse models rank by default."""

    def __init__(self, model: LoadedModel) -> None:
        self.sparse = SparseEmbedding(model)
        super().__init__(model, self.sparse.reading(DOCUMENTS))

    def scores(self, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]], raw: bool) -> Scores:
        """From 0 on."""
        sides = (QUERIES, encodings[:1], outputs[:1]), (DOCUMENTS, encodings[1:], outputs[1:])
        query, *texts = (self.kept(*found) for side in sides for found in self.sparse.weights(*side))
        asked = dict(zip(*query, strict=True))
        return np.array(
            [sum(asked.get(word, 0) * weight for word, weight in zip(*text, strict=True)) for text in texts]
        )

    def kept(self, words: Indices, weights: Scores) -> tuple[list[int], list[float]]:
        """The largest, as many as the archive's texts have."""
        largest = top_k_indices(weights, self.model.config.max_active_dims)
        return words[largest].tolist(), weights[largest].tolist()


QUERIES, DOCUMENTS = (SparseEmbeddingRequest(inputs=[], input_type=side) for side in get_args(Side))


def scorer(model: LoadedModel) -> Scorer:
    """What the archive is made for."""
    if model.head and model.kind == "reranker":
        return CrossEncoder(model.head)
    if model.late_interaction and model.config.task == MultiVector.name:  # BGE-M3 is made for cosines first
        return MaxSim(model, model.late_interaction)
    if model.config.task == SparseEmbedding.name:
        return SparseDot(model)
    return BiEncoder(model, poolings.find(model.config.pooling))


class Rerank(Task[RerankRequest]):
    """Relevance of texts to a query, best first: of a cross-encoder, MaxSim, a sparse dot product, or a cosine."""

    name = "rerank"
    request = RerankRequest
    requires = "ranking"

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        self.scorer = scorer(model)

    def texts(self, request: RerankRequest) -> list[Text]:
        """What the scorer reads."""
        if not request.texts:
            raise Empty('"texts" is empty; send at least one')
        return self.scorer.texts(request.query, request.texts)

    def place(self, request: RerankRequest, index: int, total: int) -> str:
        """See `Task.place`; the query stands before the texts, or in a pair with each."""
        own = index - (total - len(request.texts))
        return '"query"' if own < 0 or not request.query.strip() else super().place(request, own, len(request.texts))

    def listed(self, request: RerankRequest, texts: Sequence[Text]) -> int:
        """See `Task.listed`; the query is in none."""
        return len(request.texts)

    def fit(self, request: RerankRequest, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """See `Task.fit`."""
        return self.scorer.fit(index, windows, policy)

    def reading(self, request: RerankRequest) -> Reading | None:
        """See `Task.reading`."""
        return self.scorer.reading

    def answer(
        self, request: RerankRequest, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> list[dict[str, Any]]:
        """`index` and `score` of each text, best first; equal ones in their order."""
        scores = self.scorer.scores(encodings, outputs, request.raw_scores)
        order = top_k_indices(scores, request.top_n)
        ranked: list[dict[str, Any]] = [{"index": int(number), "score": scores[number]} for number in order]
        if request.return_text:
            ranked = [{**item, "text": request.texts[item["index"]]} for item in ranked]
        return ranked
