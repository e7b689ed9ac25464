"""`sparse-embedding`: a weight for each word of the vocabulary that a text is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from handler.device import tensor
from handler.errors import TooLarge
from handler.head import Scores
from handler.tasks import prompts
from handler.tasks.base import TextRequest
from handler.tasks.inputs import Inputs, texts_of
from handler.tasks.scores import top_k_indices
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

    The windows of a long text are tokens of one text.
    """

    name = "sparse-embedding"
    request = SparseEmbeddingRequest

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
        peaks = self.scored((tensor(window) for text in outputs for window in text), peaks=True)
        answers: list[list[dict[str, Any]]] = []
        size = 0
        for windows in outputs:
            answers.append(sparse(weights([next(peaks)[0] for _ in windows]), request.top_k))
            size += BYTES_PER_WORD * len(answers[-1])
            self.check_answer_size(size, len(answers), len(outputs))
        return answers

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


def weights(peaks: Sequence[Scores]) -> Scores:
    """`(vocabulary,)` from the largest scores of each window."""
    weights: Scores = np.log1p(np.maximum(np.maximum.reduce(peaks), 0))
    return weights


def sparse(weights: Scores, top_k: int | None) -> list[dict[str, Any]]:
    """What is above 0."""
    kept = np.flatnonzero(weights)
    if top_k is not None and top_k < len(kept):
        kept = np.sort(kept[top_k_indices(weights[kept], top_k)])
    return [{"index": int(index), "value": weights[index]} for index in kept]
