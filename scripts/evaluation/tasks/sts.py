"""Pairs of texts with a score of how alike they are: whether the model orders them so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from scripts.evaluation.bootstrap import Figures, Rows
from scripts.evaluation.correlation import pearson, spearman
from scripts.evaluation.pairs import COLUMNS, SCORE, Pair, read
from scripts.evaluation.process import BLOCK, Opened
from scripts.evaluation.tasks.base import Columns, Outcome, Task


class Similarity(Task[list[Pair], list[float]]):
    """Cosines of embeddings, or the scores of a cross-encoder, against the scores of people."""

    name = "sts"
    served = "similarity"
    unit = "pairs"
    titles: ClassVar[Mapping[str, str]] = {"spearman": "Spearman", "pearson": "Pearson"}

    def fits(self, keys: frozenset[str], columns: Columns) -> bool:
        """See `Task.fits`."""
        return SCORE in keys and any(set(names) <= keys for names in COLUMNS)

    def read(self, data: Path, columns: Columns) -> list[Pair]:
        """Pairs."""
        return read(data)

    def size(self, data: list[Pair]) -> int:
        """Pairs."""
        return len(data)

    def answers(self, archive: Opened, data: list[Pair], columns: Columns) -> list[float]:
        """A number for each pair."""
        if not cross_encoder(archive):
            return archive.each(self.served, [[pair.one, pair.other] for pair in data])
        requests = [{"query": pair.one, "texts": [pair.other]} for pair in data]
        blocks = (requests[start : start + BLOCK] for start in range(0, len(requests), BLOCK))
        return [found[0]["score"] for block in blocks for found in archive.ask("rerank", block)[0]]

    def measure(self, data: list[Pair], answers: list[float]) -> Outcome:
        """Both correlations."""
        rows = np.array([[pair.score, answer] for pair, answer in zip(data, answers, strict=True)], float)
        return Outcome(rows, figures)


def figures(rows: Rows) -> Figures:
    """Of rows of two numbers."""
    return {"spearman": spearman(*rows.T), "pearson": pearson(*rows.T)}


def cross_encoder(archive: Opened) -> bool:
    """Whether it reads two texts together and gives them one score."""
    return len(archive.info["labels"]) == 1 and "rerank" in archive.info["tasks"]
