"""How good guesses are: of labels, and of entities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scripts.finetuning.examples import Entity


def scores(hits: int, predicted: int, true: int) -> dict[str, Any]:
    """Precision, recall and F1 from counts; what has no denominator is 0."""
    return {
        "precision": hits / predicted if predicted else 0.0,
        "recall": hits / true if true else 0.0,
        "f1": 2 * hits / (predicted + true) if predicted + true else 0.0,
        "support": true,
    }


def macro(labels: Mapping[str, Mapping[str, Any]]) -> float:
    """The mean of all labels' F1, each counting the same."""
    return sum(row["f1"] for row in labels.values()) / len(labels) if labels else 0.0


def of_labels(true: Sequence[str], predicted: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """Of one label per line.

    Returns:
        `accuracy`, `macro_f1`, `majority` (the most frequent label and its share), `labels`, and `confusion`: a row
        for each true label, a column for each predicted one, in the order of `names`.
    """
    number = {name: place for place, name in enumerate(names)}
    confusion = np.zeros((len(names), len(names)), dtype=int)
    for one, other in zip(true, predicted, strict=True):
        confusion[number[one], number[other]] += 1
    hits, columns, lines = confusion.diagonal(), confusion.sum(0), confusion.sum(1)
    labels = {name: scores(int(hits[n]), int(columns[n]), int(lines[n])) for name, n in number.items()}
    most = int(lines.argmax())
    return {
        "accuracy": int(hits.sum()) / len(true),
        "majority": {"label": names[most], "share": int(lines[most]) / len(true)},
        "macro_f1": macro(labels),
        "labels": labels,
        "confusion": confusion.tolist(),
    }


def of_entities(
    true: Sequence[Sequence[Entity]], predicted: Sequence[Sequence[Entity]], names: Sequence[str]
) -> dict[str, Any]:
    """Of entities: one counts as found only with exactly its characters and its label.

    Returns:
        `precision`, `recall`, `f1` over all entities, `macro_f1`, and `labels`.
    """
    hits: Counter[str] = Counter()
    for one, other in zip(true, predicted, strict=True):
        hits.update(entity.label for entity in set(one) & set(other))
    counts = [Counter(entity.label for line in lines for entity in line) for lines in (predicted, true)]
    labels = {name: scores(hits[name], counts[0][name], counts[1][name]) for name in names}
    return {
        **scores(hits.total(), counts[0].total(), counts[1].total()),
        "macro_f1": macro(labels),
        "labels": labels,
    }
