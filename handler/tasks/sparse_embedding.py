"""`sparse-embedding`: a weight for each word of the vocabulary that a text is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from handler.device import Reading, tensor
from handler.errors import TooLarge
from handler.head import Scores
from handler.tasks import prompts
from handler.tasks.base import TextRequest
from handler.tasks.inputs import Inputs, texts_of
from handler.tasks.scores import Indices, top_k_indices
from handler.tasks.vocabulary import VocabularyTask
from handler.types import Encoding, Output, Text

BYTES_PER_WORD = len('{"index":1000,"value":0.1234567},')


class SparseEmbeddingRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `sparse-embedding`."""

    inputs: Inputs
    top_k: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="number of largest weights to return; default: all", examples=[128]),
    ] = None


class SparseEmbedding(VocabularyTask[SparseEmbeddingRequest]):
    """Sparse embeddings, SPLADE: max over tokens of log(1 + relu(logit)) (https://arxiv.org/abs/2109.10086).

    BGE-M3 has a layer of its own for the weights. The windows of a long text are tokens of one text.
    """

    name = "sparse-embedding"
    request = SparseEmbeddingRequest
    requires = "sparse"

    def reading(self, request: SparseEmbeddingRequest) -> Reading | None:
        """See `Task.reading`."""
        return self.model.terms.reading if self.model.terms else None

    def texts(self, request: SparseEmbeddingRequest) -> list[Text]:
        """The inputs, with the archive's default prompt."""
        return prompts.prepend(prompts.named(self.model.config, None), texts_of(request.inputs))

    def answer(
        self,
        request: SparseEmbeddingRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> list[list[dict[str, Any]]]:
        """Per text `index` and `value` of each word above 0, by index."""
        answers: list[list[dict[str, Any]]] = []
        size = 0
        for found in self.model.terms.weights(encodings, outputs) if self.model.terms else self.peaks(outputs):
            answers.append(listed(*found, request.top_k))
            size += BYTES_PER_WORD * len(answers[-1])
            self.check_answer_size(size, len(answers), len(outputs))
        return answers

    def peaks(self, outputs: Sequence[Sequence[Output]]) -> Iterator[tuple[Indices, Scores]]:
        """For each text the words above 0 and their weights, of the vocabulary's scores."""
        peaks = self.scored((tensor(window) for text in outputs for window in text), peaks=True)
        for windows in outputs:
            found = weights([next(peaks)[0] for _ in windows], self.head.description.logarithms)
            kept = np.flatnonzero(found)
            yield kept, found[kept]

    def check_answer_size(self, size: int, texts: int, total: int) -> None:
        """Refuse an answer that has become too large, long before it is whole: a word takes ten times as much memory.

        A head that was not trained to be sparse gives thousands of words per text.
        """
        limit = self.model.config.max_response_bytes
        if size > limit:
            raise TooLarge(
                f"the words of {texts} of {total} texts make about {size} bytes, the limit is {limit}; "
                'send fewer texts or "top_k", or raise handler.max_response_bytes'
            )


def weights(peaks: Sequence[Scores], logarithms: int) -> Scores:
    """`(vocabulary,)` from the largest scores of each window."""
    weights: Scores = np.maximum(np.maximum.reduce(peaks), 0)
    for _ in range(logarithms):
        weights = np.log1p(weights)
    return weights


def listed(words: Indices, weights: Scores, top_k: int | None) -> list[dict[str, Any]]:
    """Words, or the `top_k` heaviest of them, by index."""
    if top_k is not None and top_k < len(words):
        kept = np.sort(top_k_indices(weights, top_k))
        words, weights = words[kept], weights[kept]
    return [{"index": index, "value": weight} for index, weight in zip(words.tolist(), weights, strict=True)]
