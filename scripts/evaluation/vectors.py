"""How far two models' embeddings of the same texts are apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.evaluation.correlation import spearman

Vectors = NDArray[np.float32]
NEIGHBOURS = 10
PAIRED = 2000
"""Texts of which all pairs are looked at: two million pairs."""


def cosines(one: Vectors, other: Vectors) -> NDArray[np.float64]:
    """`(texts,)`: of both vectors of each text; they have to have one length, and each that of 1."""
    found: NDArray[np.float64] = np.einsum("td,td->t", one.astype(float), other.astype(float))
    return found


def relations(one: Vectors, other: Vectors, seed: int) -> dict[str, Any]:
    """What both models say of texts among themselves; their dimensions may differ.

    Returns:
        `similarity_spearman` of the cosines of all pairs of texts; `neighbours`, which is how many of the nearest texts
        are the same, as a mean share; `nearest`, of how many that is; `paired`, the number of texts, drawn from `seed`
        if there are too many.
    """
    if len(one) > PAIRED:
        chosen = np.sort(np.random.default_rng(seed).choice(len(one), PAIRED, replace=False))
        one, other = one[chosen], other[chosen]
    left, right = (each.astype(float) @ each.astype(float).T for each in (one, other))
    above = np.triu_indices(len(left), 1)
    nearest = min(NEIGHBOURS, len(left) - 1)
    return {
        "similarity_spearman": spearman(left[above], right[above]),
        "neighbours": overlap(left, right, nearest),
        "nearest": nearest,
        "paired": len(left),
    }


def overlap(left: NDArray[np.float64], right: NDArray[np.float64], count: int) -> float:
    """Mean share of a text's `count` nearest texts that are the same by two matrices of similarities."""
    near = [nearest(each, count) for each in (left, right)]
    return float(np.mean([len({*one} & {*other}) / count for one, other in zip(*near, strict=True)]))


def nearest(similarities: NDArray[np.float64], count: int) -> list[list[int]]:
    """The `count` nearest others of each text; of equally near ones the first."""
    others = similarities.copy()
    np.fill_diagonal(others, -np.inf)
    return np.argsort(-others, axis=1, kind="stable")[:, :count].tolist()  # type: ignore[no-any-return]
