"""How far two heads' answers to the same texts are apart: their labels, and the scores of what both have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.evaluation.correlation import spearman
from scripts.finetuning.examples import Entity
from scripts.finetuning.metrics import of_entities

Labels = Sequence[Mapping[str, Any]]
Apart = tuple[dict[str, Any], NDArray[np.float64]]
"""Figures, and the differences of scores that they are made of."""


def labels(one: Sequence[Labels], other: Sequence[Labels]) -> Apart:
    """Of texts, each with its labels, best first: how often the best is the same, and scores of common labels."""
    rows = [[{item["label"]: item["score"] for item in text} for text in each] for each in (one, other)]
    common = [name for name in rows[0][0] if name in rows[1][0]]
    scores = [np.array([[row[name] for name in common] for row in each], float) for each in rows]
    differences = np.abs(scores[0] - scores[1])
    same = np.mean([left[0]["label"] == right[0]["label"] for left, right in zip(one, other, strict=True)])
    figures: dict[str, Any] = {"agreement": float(same), "labels_in_common": len(common), **summary(differences)}
    if len(common) == len(rows[0][0]) == len(rows[1][0]) == 1:  # a score, whose label says nothing
        figures = {"score_spearman": spearman(scores[0][:, 0], scores[1][:, 0]), **summary(differences)}
    return figures, differences.max(1, initial=0)


def entities(one: Sequence[Labels], other: Sequence[Labels]) -> Apart:
    """Of texts, each with its entities: in how many they are the same, how many of them are, and scores of those."""
    rows = [
        [{Entity(item["start"], item["end"], item["entity_group"]): item["score"] for item in text} for text in each]
        for each in (one, other)
    ]
    names = sorted({entity.label for each in rows for row in each for entity in row})
    shared = [
        abs(left[entity] - right[entity])
        for left, right in zip(*rows, strict=True)
        for entity in sorted({*left} & {*right})
    ]
    differences = np.array(shared, float)
    figures = {
        "agreement": float(np.mean([{*left} == {*right} for left, right in zip(*rows, strict=True)])),
        "entities": [sum(map(len, each)) for each in rows],
        "entity_f1": of_entities([[*row] for row in rows[0]], [[*row] for row in rows[1]], names)["f1"],
        **summary(differences),
    }
    return figures, differences


def summary(differences: NDArray[np.float64]) -> dict[str, float | None]:
    """The largest and the mean; None for none."""
    if not differences.size:
        return {"score_difference_max": None, "score_difference_mean": None}
    return {"score_difference_max": float(differences.max()), "score_difference_mean": float(differences.mean())}
