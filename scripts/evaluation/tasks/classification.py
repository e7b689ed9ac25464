"""Texts or pairs, each with one label: accuracy and F1 as scikit-learn has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from scripts.console import Failure
from scripts.evaluation.bootstrap import Figures, Rows
from scripts.evaluation.process import Opened
from scripts.evaluation.tasks.base import Columns, Outcome, Task
from scripts.finetuning import metrics, texts
from scripts.finetuning.examples import Labelled

TITLES = {"accuracy": "accuracy", "macro_f1": "macro F1", "micro_f1": "micro F1", "weighted_f1": "weighted F1"}


class TextClassification(Task[list[Labelled], list[str]]):
    """The best label of each text. Averages are over labels that are true or predicted somewhere."""

    name = "text-classification"
    served = "text-classification"
    unit = "texts"
    titles: ClassVar[Mapping[str, str]] = TITLES

    def fits(self, keys: frozenset[str], columns: Columns) -> bool:
        """See `Task.fits`."""
        return (columns.label or "label") in keys

    def read(self, data: Path, columns: Columns) -> list[Labelled]:
        """As `finetune` reads them."""
        return texts.read(data, columns.text, columns.label)

    def size(self, data: list[Labelled]) -> int:
        """Texts."""
        return len(data)

    def answers(self, archive: Opened, data: list[Labelled], columns: Columns) -> list[str]:
        """The best label of each text."""
        known(archive, [example.label for example in data], archive.info["labels"])
        inputs = [example.text if example.pair is None else [example.text, example.pair] for example in data]
        return [best[0]["label"] for best in archive.each(self.served, inputs, top_k=1)]

    def measure(self, data: list[Labelled], answers: list[str]) -> Outcome:
        """Figures over all texts and by label, and the confusion of labels."""
        true = [example.label for example in data]
        names = sorted({*true, *answers})
        number = {name: place for place, name in enumerate(names)}
        rows = np.array([[number[one], number[other]] for one, other in zip(true, answers, strict=True)], float)
        found = metrics.of_labels(true, answers, names)
        details = {key: found[key] for key in ("majority", "labels", "confusion")}
        return Outcome(rows, lambda chosen: figures(chosen, names), details, missing(true, answers))


def figures(rows: Rows, names: Sequence[str]) -> Figures:
    """Of rows of two labels' numbers, the true one first; a label that is in neither column does not count."""
    true, predicted = rows.astype(int).T
    counts = np.bincount(true * len(names) + predicted, minlength=len(names) ** 2).reshape(len(names), -1)
    there = np.flatnonzero(counts.sum(0) + counts.sum(1)).tolist()
    found = metrics.of_confusion(counts[np.ix_(there, there)], [names[place] for place in there])
    return {key: found[key] for key in TITLES}


def known(archive: Opened, labels: Sequence[str], own: Sequence[str]) -> None:
    """Refuse data none of whose labels the archive can give.

    Raises:
        Failure: it is so.
    """
    asked = sorted(set(labels))
    if asked and not set(asked) & set(own):
        raise Failure(
            f"{archive.name} knows no label of the data: it has {', '.join(own)}, the data {', '.join(asked)}",
            fix="name the labels of the data as the archive does",
        )


def missing(true: Sequence[str], predicted: Sequence[str]) -> tuple[str, ...]:
    """A note on labels of the data that were never predicted."""
    never = sorted({*true} - {*predicted})
    count = sum(label in never for label in true)
    return (f"never predicted: {', '.join(never)} ({count} of {len(true)} in the data)",) if never else ()
