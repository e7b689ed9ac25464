"""Texts with entities: F1 of whole entities, as seqeval has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from scripts.evaluation import confusion
from scripts.evaluation.bootstrap import Figures, Rows
from scripts.evaluation.process import Opened
from scripts.evaluation.tasks.base import Columns, Outcome, Task
from scripts.evaluation.tasks.classification import known, missing
from scripts.finetuning import entities, metrics
from scripts.finetuning.examples import Entity, Tagged

TITLES = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
}
Found = list[list[Entity]]


class TokenClassification(Task[list[Tagged], Found]):
    """The entities of each text; one counts with exactly its characters and its label."""

    name = "token-classification"
    served = "token-classification"
    unit = "texts"
    titles: ClassVar[Mapping[str, str]] = TITLES

    def fits(self, keys: frozenset[str], columns: Columns) -> bool:
        """See `Task.fits`."""
        return any(needed <= keys for needed in ({"text", "entities"}, {"tokens", "tags"}, {*entities.COLUMNS}))

    def read(self, data: Path, columns: Columns) -> list[Tagged]:
        """As `finetune` reads them."""
        return entities.read(data, columns.text, columns.label)

    def size(self, data: list[Tagged]) -> int:
        """Texts."""
        return len(data)

    def answers(self, archive: Opened, data: list[Tagged], columns: Columns) -> Found:
        """Entities of each text."""
        own = sorted({label.split("-", 1)[-1] for label in archive.info["labels"]} - {"O"})
        known(archive, [entity.label for example in data for entity in example.entities], own)
        asked = [example.text for example in data]
        answers = archive.each(self.served, asked, aggregation_strategy=columns.aggregation)
        return [[Entity(item["start"], item["end"], item["entity_group"]) for item in one] for one in answers]

    def measure(self, data: list[Tagged], answers: Found) -> Outcome:
        """Figures over all entities and by label, and the confusion of labels."""
        true = [example.entities for example in data]
        labels = [[entity.label for one in each for entity in one] for each in (true, answers)]
        names = sorted({*labels[0], *labels[1]})
        counts = [metrics.counted(one, other, names) for one, other in zip(true, answers, strict=True)]
        rows = np.array(counts, float).reshape(len(data), -1)
        by_label = {"labels": metrics.of_entities(true, answers, names)["labels"]}
        details = by_label | confusion.of_entities(true, answers, names)
        return Outcome(rows, lambda chosen: figures(chosen, names), details, missing(*labels))


def figures(rows: Rows, names: Sequence[str]) -> Figures:
    """Of rows of counts; a label that is neither true nor predicted does not count."""
    counts = rows.sum(0).astype(int).reshape(-1, 3)
    there = np.flatnonzero(counts.sum(1)).tolist()
    found = metrics.of_counts(counts[there], [names[place] for place in there])
    return {key: found[key] for key in TITLES}
