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
from handler.types import Encoding, Output, Side, Text

BYTES_PER_WORD = len('{"index":1000,"value":0.1234567},')


class SparseEmbeddingRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `sparse-embedding`."""

    inputs: Inputs
    input_type: Annotated[
        Side | None,
        Meta(
            description="query or document: prepend the archive's prompt for that side, and weigh the words of a query "
            "by the archive's table, if it has one; default: the archive's",
            examples=[None],
        ),
    ] = None
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
        """The inputs, with the archive's prompt for their side, or its default."""
        self.looked_up(request)
        config, side = self.model.config, request.input_type
        prompt = prompts.named(config, None) if side is None else prompts.for_input_type(config, side)
        return prompts.prepend(prompt, texts_of(request.inputs))

    def looked_up(self, request: SparseEmbeddingRequest) -> bool:
        """Whether the texts are queries whose weights are in a table; no model runs for those."""
        return self.model.queries is not None and self.model.queries.asked(request.input_type)

    def runs(self, request: SparseEmbeddingRequest) -> bool:
        """See `Task.runs`."""
        return not self.looked_up(request)

    def longest(self, request: SparseEmbeddingRequest, most: int) -> int:
        """See `Task.longest`; special tokens of a query do not count, since the table has none."""
        if self.model.queries is None or not self.looked_up(request):
            return most
        return self.model.queries.queries.length + len(self.model.tokenizer.add_special_tokens([]))

    def answer(
        self,
        request: SparseEmbeddingRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> list[list[dict[str, Any]]]:
        """Per text `index` and `value` of each word above 0, by index."""
        answers: list[list[dict[str, Any]]] = []
        size = 0
        for found in self.weights(request, encodings, outputs):
            answers.append(listed(*found, request.top_k or self.model.config.max_active_dims))
            size += BYTES_PER_WORD * len(answers[-1])
            self.check_answer_size(size, len(answers), len(encodings))
        return answers

    def weights(
        self,
        request: SparseEmbeddingRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> Iterator[tuple[Indices, Scores]]:
        """For each text the words and their weights."""
        if self.model.queries is not None and self.looked_up(request):
            return self.model.queries.weights(encodings)
        return self.model.terms.weights(encodings, outputs) if self.model.terms else self.pooled(outputs)

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
