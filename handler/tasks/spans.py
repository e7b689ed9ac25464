"""Spans of a window that may answer a question.

The rules are those of transformers' question-answering pipeline (up to version 5.2), which follows DrQA
(https://github.com/facebookresearch/DrQA): a span's score is the product of its start's and its end's probability.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from handler.head import Scores, softmax
from handler.tasks.scores import top_k_indices
from handler.types import Encoding

Answer = dict[str, Any]
IMPOSSIBLE = 1_000_000.0
"""Above every probability."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many spans, and how many tokens one may have."""

    count: int
    length: int


@dataclass(frozen=True, slots=True)
class Scored:
    """Probabilities of a window.

    Attributes:
        start, end: `(tokens,)` of the context's tokens; 0 elsewhere.
        null_score: that there is no answer: the first token's start times its end.
        context: indices of the context's tokens.
    """

    start: Scores
    end: Scores
    null_score: float
    context: range

    @classmethod
    def of(cls, scores: Scores, window: Encoding) -> Scored:
        """From `(tokens, 2)` scores; probabilities are over the context and the first token."""
        context = window.text_ranges[-1]
        allowed = np.zeros(len(window), dtype=bool)
        allowed[context.start : context.stop] = allowed[0] = True
        start, end = softmax(np.where(allowed, scores.T, -10000.0).astype(np.float32))
        nothing = float(start[0] * end[0])
        start[0] = end[0] = 0.0
        return cls(start, end, nothing, context)

    def best(self, wanted: Wanted) -> Iterator[tuple[int, int, float]]:
        """First token, last token and score of the likeliest spans, best first."""
        begin, stop = self.context.start, self.context.stop
        start, end = self.start[begin:stop], self.end[begin:stop]
        length = min(wanted.length, len(start))
        ends = np.lib.stride_tricks.sliding_window_view(np.pad(end, (0, length - 1)), length)
        joint = start[:, None] * ends  # (tokens, length), and not the square of the context
        order = top_k_indices(joint.ravel(), wanted.count)
        for first, more in zip(*np.unravel_index(order, joint.shape), strict=True):
            if joint[first, more] > 0:  # the rest ends outside of the context
                yield int(first) + begin, int(first + more) + begin, float(joint[first, more])


def characters(window: Encoding, first: int, last: int, align: bool) -> tuple[int, int]:
    """Where a span stands in the context, perhaps with the rest of its first and last word."""
    if align:
        first = edge(window, first, -1)
        last = edge(window, last, 1)
    return window.offsets[first][0], window.offsets[last][1]


def edge(window: Encoding, position: int, step: int) -> int:
    """The first or last token of the word a token is of."""
    word = window.word_ids[position]
    while 0 <= position + step < len(window) and word is not None and same(window, position + step, word):
        position += step
    return position


def same(window: Encoding, position: int, word: int) -> bool:
    """Whether a token is of that word of the context; the question counts its words anew."""
    return not window.special[position] and window.word_ids[position] == word
