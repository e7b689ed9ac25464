"""Queries, each with candidates: how the archive's `rerank` puts these into order."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np

from scripts.evaluation import candidates, ranking
from scripts.evaluation.candidates import LISTS, Candidates
from scripts.evaluation.process import Opened
from scripts.evaluation.tasks.base import Columns, Outcome, Task
from scripts.evaluation.tasks.ranked import of_queries

TOGETHER = 16
"""Requests of one batch."""


class Reranking(Task[list[Candidates], list[list[float]]]):
    """Of equal scores the later candidate comes first, so that no tie helps those that are listed first."""

    name = "reranking"
    served = "rerank"
    unit = "queries"
    titles: ClassVar[Mapping[str, str]] = {"map": "MAP", "mrr": "MRR", "ndcg@10": "nDCG@10"}

    def fits(self, keys: frozenset[str], columns: Columns) -> bool:
        """See `Task.fits`."""
        return "query" in keys and ("texts" in keys or bool({*LISTS} & keys))

    def read(self, data: Path, columns: Columns) -> list[Candidates]:
        """Queries with candidates."""
        return candidates.read(data)

    def size(self, data: list[Candidates]) -> int:
        """Queries."""
        return len(data)

    def answers(self, archive: Opened, data: list[Candidates], columns: Columns) -> list[list[float]]:
        """A score for each candidate of each query; one with more of them than a request may have takes several."""
        scores: list[list[float]] = [[] for _ in data]
        parts = (
            (own, {"query": one.query, "texts": [text for _, text in part]})
            for own, one in zip(scores, data, strict=True)
            for part in archive.cut([(one.query, text) for text in one.texts])
        )
        while block := list(islice(parts, TOGETHER)):
            found, _ = archive.ask(self.served, [request for _, request in block])
            for (own, _), items in zip(block, found, strict=True):
                own += [float(item["score"]) for item in sorted(items, key=lambda item: int(item["index"]))]
        return scores

    def measure(self, data: list[Candidates], answers: list[list[float]]) -> Outcome:
        """Means over queries."""
        rows = [figures(one, scores) for one, scores in zip(data, answers, strict=True)]
        without = sum(max(one.relevance) <= 0 for one in data)
        note = f"queries without a relevant text, which count as 0: {without}"
        return of_queries(rows, list(self.titles), (note,) if without else ())


def figures(one: Candidates, scores: list[float]) -> list[float]:
    """Of one query, in the order of `Reranking.titles`."""
    ranked = np.array(one.relevance)[ranking.order(scores, np.arange(len(scores)))]
    return [
        ranking.average_precision(ranked, one.relevance),
        ranking.reciprocal_rank(ranked),
        ranking.ndcg(ranked, one.relevance, 10),
    ]
