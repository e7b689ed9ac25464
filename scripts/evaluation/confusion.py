"""Which labels are taken for which: counts of true labels down and predicted ones across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scripts.finetuning.examples import Entity

NOTHING = "(none)"
"""Where one side has no entity with those characters."""
MOST = 20
"""Pairs of labels that are listed where there are too many labels for a matrix."""


def of_entities(
    true: Sequence[Sequence[Entity]], predicted: Sequence[Sequence[Entity]], names: Sequence[str]
) -> dict[str, Any]:
    """Entities with exactly the same characters, by their labels; those of one side alone stand beside `NOTHING`.

    Returns:
        `confusion`, `(labels + 1, labels + 1)`, and the names of its rows and columns.
    """
    every = [*names, NOTHING]
    place = {name: number for number, name in enumerate(every)}
    counts = np.zeros((len(every), len(every)), int)
    for pair in zip(true, predicted, strict=True):
        one, other = ({(entity.start, entity.end): entity.label for entity in each} for each in pair)
        for span in {*one, *other}:
            counts[place[one.get(span, NOTHING)], place[other.get(span, NOTHING)]] += 1
    return {"confusion": counts.tolist(), "confusion_labels": every}


def found(details: Mapping[str, Any]) -> tuple[list[str], list[list[int]]]:
    """Names and counts of what a task measured; both empty where it has no labels."""
    return details.get("confusion_labels", [*details.get("labels", {})]), details.get("confusion", [])


def largest(names: Sequence[str], counts: Sequence[Sequence[int]]) -> list[tuple[str, str, int]]:
    """The pairs of labels that were taken for each other most often: true, predicted, how often."""
    pairs = [
        (names[row], names[column], count)
        for row, line in enumerate(counts)
        for column, count in enumerate(line)
        if count and row != column
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:MOST]
