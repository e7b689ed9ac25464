"""`sparse-embedding`: a weight for each word of the vocabulary that a text is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from torch import Tensor

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
        Meta(description="number of largest weights to return; default: the archive's, or all", examples=[128]),
    ] = None


class SparseEmbedding(VocabularyTask[SparseEmbeddingRequest]):
    """Sparse embeddings, SPLADE: max or sum over tokens of log(1 + relu(logit)) (https://arxiv.org/abs/2109.10086).

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
        for found in self.model.terms.weights(encodings, outputs) if self.model.terms else self.pooled(outputs):
            answers.append(listed(*found, request.top_k or self.model.config.max_active_dims))
            size += BYTES_PER_WORD * len(answers[-1])
            self.check_answer_size(size, len(answers), len(outputs))
        return answers

    def pooled(self, outputs: Sequence[Sequence[Output]]) -> Iterator[tuple[Indices, Scores]]:
        """For each text the words above 0 and their weights, of the vocabulary's scores."""
        description = self.head.description
        pool, join = POOLINGS[description.pooling]
        states = (tensor(window) for text in outputs for window in text)
        found = self.scored(states, lambda scores: pool(scores, description.logarithms))
        for windows in outputs:
            weights: Scores = join([next(found)[0] for _ in windows])
            kept = np.flatnonzero(weights)
            yield kept, weights[kept]

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


def logarithm(scores: Tensor, times: int) -> Tensor:
    """log(1 + x) of scores above 0, so many times; others are 0."""
    scores = scores.relu()
    for _ in range(times):
        scores = scores.log1p()
    return scores


def largest(scores: Tensor, logarithms: int) -> Tensor:
    """`(vocabulary,)` of `(tokens, vocabulary)`; logarithms keep the order, so one of each word is enough."""
    return logarithm(scores.amax(0), logarithms)


def total(scores: Tensor, logarithms: int) -> Tensor:
    """`(vocabulary,)` of `(tokens, vocabulary)`, of SPLADE's first form (https://arxiv.org/abs/2107.05720)."""
    return logarithm(scores, logarithms).sum(0)


POOLINGS: Mapping[str, tuple[Callable[[Tensor, int], Tensor], Callable[[Sequence[Scores]], Scores]]] = {
    "max": (largest, np.maximum.reduce),
    "sum": (total, np.add.reduce),
}
"""By `HeadMetadata.pooling`: of the tokens of a window, and of the windows of a text."""


def listed(words: Indices, weights: Scores, top_k: int | None) -> list[dict[str, Any]]:
    """Words, or the `top_k` heaviest of them, by index."""
    if top_k is not None and top_k < len(words):
        kept = np.sort(top_k_indices(weights, top_k))
        words, weights = words[kept], weights[kept]
    return [{"index": index, "value": weight} for index, weight in zip(words.tolist(), weights, strict=True)]
