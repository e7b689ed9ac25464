"""A head's scores: of all windows of all texts at once, and the best of many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handler.head import Head, Scores
from handler.types import Output

Indices = NDArray[np.intp]


def of_windows(head: Head, outputs: Sequence[Sequence[Output]]) -> tuple[Scores, Indices]:
    """`(windows, scores)` of a `sequence` head, and `(texts,)` the row of each text's first window."""
    flat = [window for windows in outputs for window in windows]
    return head.sequence_scores.of(flat), np.cumsum([0, *map(len, outputs[:-1])])


def top_k_indices(values: Scores, count: int | None = None) -> Indices:
    """Places of the `count` largest of `(values,)`, or of all, by falling value; equal ones in their order."""
    falling = -values
    if count is None or count >= len(falling):
        return np.argsort(falling, kind="stable")
    last = np.partition(falling, count - 1)[count - 1]
    indices = np.flatnonzero(~(falling > last))  # all that equal the last one, and none is lost to NaN
    return indices[np.argsort(falling[indices], kind="stable")[:count]]
