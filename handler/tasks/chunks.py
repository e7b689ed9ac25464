"""Chunks of a text: which of its tokens are in each, and its characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handler.errors import Invalid
from handler.tasks.vectors import Vectors
from handler.types import Encoding, Output

Span = tuple[int, int]
"""Start and stop character."""


class Tokens(NamedTuple):
    """Of a text, without special tokens and those of a prompt.

    Attributes:
        states: `(tokens, hidden)`.
        places: `(tokens, 2)` start and stop character.
    """

    states: Vectors
    places: NDArray[np.intp]


def tokens_of(encodings: Sequence[Encoding], outputs: Sequence[Output], before: int) -> Tokens:
    """All that windows have of a text which follows a prompt of `before` characters."""
    states, places = [], []
    for window, output in zip(encodings, outputs, strict=True):
        offsets = np.asarray(window.offsets).reshape(-1, 2) - before
        own = (np.asarray(window.special) == 0) & (offsets[:, 0] >= 0)
        states.append(output.hidden[own])
        places.append(offsets[own])
    return Tokens(np.concatenate(states), np.concatenate(places))


def by_spans(spans: Sequence[Span], tokens: Tokens, text: int) -> list[NDArray[np.intp]]:
    """Of each span the tokens that begin in it.

    Raises:
        Invalid: there are none.
    """
    starts = tokens.places[:, 0]
    found = [np.flatnonzero((start <= starts) & (starts < stop)) for start, stop in spans]
    empty = next((span for span, own in zip(spans, found, strict=True) if not len(own)), None)
    if empty is not None:
        raise Invalid(f"the span {list(empty)} of text {text + 1} has no token; it is blank, or was cut off")
    return found


def by_size(size: int | None, overlap: int, tokens: Tokens, text: int) -> list[NDArray[np.intp]]:
    """Tokens in order, `size` at a time, or all of them.

    Raises:
        Invalid: there are none.
    """
    count = len(tokens.places)
    if not count:
        raise Invalid(f"text {text + 1} is blank: it has no token whose state could be pooled; leave it out")
    size = size or count
    numbers = np.arange(count)
    last = max(count - overlap, 1)
    return [numbers[start : start + size] for start in range(0, last, max(size - overlap, 1))]


def window_span(window: Encoding, before: int) -> Span:
    """From its first token to its last; a prompt is no part of the text, and a blank one has nothing to show."""
    if all(window.special):
        return 0, 0
    return span_of(np.maximum(np.asarray(window.offsets)[np.asarray(window.special) == 0] - before, 0))


def span_of(places: NDArray[np.intp]) -> Span:
    """From the first of some tokens to the last."""
    return int(places[0][0]), int(places[-1][1])
