"""Confidence intervals of figures, by the bootstrap: examples are drawn again, with replacement, many times over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
Figures = Mapping[str, float]
Interval = tuple[float, float]
LEVEL = 0.95


def draws(
    measures: Sequence[tuple[Rows, Callable[[Rows], Figures]]], seed: int, times: int
) -> list[dict[str, NDArray[np.float64]]]:
    """Figures of drawn examples. All archives get the same ones, so that their differences are paired.

    Args:
        measures: of each archive `(examples, columns)`, what each example contributes, and what makes figures of rows.
        seed: of the drawing.
        times: how often.

    Returns:
        Of each archive its figures, `(times,)` each.
    """
    numbers, count = np.random.default_rng(seed), len(measures[0][0])
    found: list[list[Figures]] = [[] for _ in measures]
    for _ in range(times):
        chosen = numbers.integers(0, count, count)
        for each, (rows, figures) in zip(found, measures, strict=True):
            each.append(figures(rows[chosen]))
    return [{name: np.array([one[name] for one in each]) for name in each[0]} for each in found]


def interval(values: NDArray[np.float64]) -> Interval:
    """Between which 95 of 100 values lie; draws for which a figure is not defined are left out."""
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
