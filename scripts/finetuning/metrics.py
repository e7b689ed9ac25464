"""How good guesses are: of labels, and of entities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.finetuning.examples import Entity

Counts = NDArray[np.int_]


def scores(hits: int, predicted: int, true: int) -> dict[str, Any]:
    """Precision, recall and F1 from counts; what has no denominator is 0."""
    return {
        "precision": hits / predicted if predicted else 0.0,
        "recall": hits / true if true else 0.0,
        "f1": 2 * hits / (predicted + true) if predicted + true else 0.0,
        "support": true,
    }


def averages(labels: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Means of all labels' F1: `macro_f1`, where each counts the same, and `weighted_f1`, by their support."""
    support = sum(row["support"] for row in labels.values())
    return {
        "macro_f1": sum(row["f1"] for row in labels.values()) / len(labels) if labels else 0.0,
        "weighted_f1": sum(row["f1"] * row["support"] for row in labels.values()) / support if support else 0.0,
    }


def confusion(true: Sequence[str], predicted: Sequence[str], names: Sequence[str]) -> Counts:
    """`(names, names)`: a row for each true label, a column for each predicted one."""
    number = {name: place for place, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), dtype=int)
    for one, other in zip(true, predicted, strict=True):
        counts[number[one], number[other]] += 1
    return counts


def of_confusion(counts: Counts, names: Sequence[str]) -> dict[str, Any]:
    """Figures of a confusion matrix; see `of_labels`."""
    hits, columns, lines = counts.diagonal(), counts.sum(0), counts.sum(1)
    labels = {name: scores(int(hits[n]), int(columns[n]), int(lines[n])) for n, name in enumerate(names)}
    most, total = int(lines.argmax()), int(counts.sum())
    return {
        "accuracy": int(hits.sum()) / total,
        "majority": {"label": names[most], "share": int(lines[most]) / total},
        "micro_f1": scores(int(hits.sum()), total, total)["f1"],
        **averages(labels),
        "labels": labels,
        "confusion": counts.tolist(),
    }


def of_labels(true: Sequence[str], predicted: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Of one label per line.

    Returns:
        `accuracy`, `micro_f1` (the same, as each line has one label), `macro_f1`, `weighted_f1`, `majority` (the most
        frequent label and its share), `labels`, and `confusion`: a row for each true label, a column for each predicted
        one, in the order of `names`.
    """
    return of_confusion(confusion(true, predicted, names), names)


def counted(true: Sequence[Entity], predicted: Sequence[Entity], names: Sequence[str]) -> Counts:
    """`(names, 3)`: how many entities of one text are found, predicted and true, by label."""
    kinds = [Counter(entity.label for entity in each) for each in ({*true} & {*predicted}, predicted, true)]
    return np.array([[kind[name] for kind in kinds] for name in names], dtype=int).reshape(-1, 3)


def of_counts(counts: Counts, names: Sequence[str]) -> dict[str, Any]:
    """Figures of counts of entities; see `of_entities`."""
    labels = {name: scores(*map(int, row)) for name, row in zip(names, counts, strict=True)}
    return {**scores(*map(int, counts.sum(0))), **averages(labels), "labels": labels}


def of_entities(
    true: Sequence[Sequence[Entity]], predicted: Sequence[Sequence[Entity]], names: Sequence[str]
) -> dict[str, Any]:
    """Of entities: one counts as found only with exactly its characters and its label.

    Returns:
        `precision`, `recall`, `f1` over all entities, `macro_f1`, `weighted_f1`, and `labels`.
    """
    lines = [counted(one, other, names) for one, other in zip(true, predicted, strict=True)]
    return of_counts(np.sum(lines, axis=0, dtype=int) if lines else np.zeros((len(names), 3), dtype=int), names)
