"""`similarity`: cosines between texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Annotated

import numpy as np
from msgspec import Meta

from handler import poolings
from handler.device import Reading
from handler.errors import Invalid
from handler.tasks import prompts
from handler.tasks.base import Task, TextRequest
from handler.tasks.vectors import Vectors, normalized_embeddings
from handler.types import Encoding, Output, Text


class SimilarityRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `similarity`: a source and the sentences to compare with it, or pairs."""

    source: Annotated[str | None, Meta(description="text to compare", examples=["a cat"])] = None
    sentences: Annotated[
        list[str] | None, Meta(description="texts to compare it with", examples=[["a kitten", "a car"]])
    ] = None
    inputs: Annotated[
        list[tuple[str, str]] | None,
        Meta(description="pairs of texts, instead of source and sentences", examples=[[["a cat", "a kitten"]]]),
    ] = None


class Similarity(Task[SimilarityRequest]):
    """Cosine similarity of embeddings."""

    name = "similarity"
    requires = "states"
    request = SimilarityRequest
    takes_pairs = True
    numeric = True

    def texts(self, request: SimilarityRequest) -> list[Text]:
        """The source and then the sentences; or all texts of the pairs, one after the other."""
        if request.inputs is not None and request.source is None and request.sentences is None:
            return self.prompted(chain.from_iterable(request.inputs))
        if request.inputs is None and request.source is not None and request.sentences:
            return self.prompted([request.source, *request.sentences])
        if request.inputs is None and request.source is not None and request.sentences is not None:
            raise Invalid('"sentences" is empty')
        raise Invalid('send either "source" with a list "sentences", or "inputs" as a list of pairs')

    def prompted(self, texts: Iterable[str]) -> list[Text]:
        """With the archive's default prompt."""
        return prompts.prepend(prompts.named(self.model.config, None), texts)

    def place(self, request: SimilarityRequest, index: int, total: int) -> str:
        """See `Task.place`; pairs are counted as pairs."""
        if request.source is None:
            return f"text {index % 2 + 1} of pair {index // 2 + 1} of {total // 2}"
        return super().place(request, index - 1, total - 1) if index else '"source"'

    def listed(self, request: SimilarityRequest, texts: Sequence[Text]) -> int:
        """See `Task.listed`; the source is in none."""
        return len(texts) - (request.source is not None)

    def fit(self, request: SimilarityRequest, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """See `Task.fit`."""
        return prompts.unpooled(self.model, prompts.named(self.model.config, None), windows)

    def reading(self, request: SimilarityRequest) -> Reading:
        """See `Task.reading`."""
        return poolings.find(self.model.config.pooling)

    def answer(
        self, request: SimilarityRequest, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> Vectors:
        """`(sentences,)` or `(pairs,)` float32."""
        found = normalized_embeddings(self.model, outputs)
        left, right = (found[:1], found[1:]) if request.inputs is None else (found[::2], found[1::2])
        cosines: Vectors = np.sum(left * right, axis=1)
        return cosines
