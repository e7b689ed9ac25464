"""Pearson's and Spearman's correlation of two rows of numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pearson(one: ArrayLike, other: ArrayLike) -> float:
    """Between -1 and 1; not a number where one of both is constant, or has a single value."""
    rows = [np.asarray(each, float) for each in (one, other)]
    if any(row.size < 2 or np.ptp(row) == 0 for row in rows):
        return float("nan")
    left, right = (unit(row) for row in rows)
    return float(np.clip(left @ right, -1, 1))


def unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Around 0, and of length 1."""
    centred = values - values.mean()
    normal: NDArray[np.float64] = centred / np.linalg.norm(centred)
    return normal


def spearman(one: ArrayLike, other: ArrayLike) -> float:
    """Pearson's of the ranks, where equal values share the mean of theirs."""
    return pearson(ranks(one), ranks(other))


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Ranks from 1; equal values have the mean of the ranks that they take up."""
    _, place, counts = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
    last = counts.cumsum()
    mean: NDArray[np.float64] = (last - (counts - 1) / 2)[place]
    return mean
