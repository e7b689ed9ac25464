"""Queries to all documents of a collection: what an exact search by cosine finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from scripts.console import Failure
from scripts.evaluation import beir, ranking
from scripts.evaluation.beir import Collection
from scripts.evaluation.process import Opened
from scripts.evaluation.tasks.base import Columns, Outcome, Task
from scripts.evaluation.tasks.ranked import of_queries

DEPTH = 100
"""Documents of a ranking that are looked at."""
QUERIES = 64
"""Queries whose scores are in memory at once: one number for each document of the collection."""
OTHERS = ("multi-vector", "sparse-embedding", "rerank")
"""Tasks of archives whose pooled vectors were not trained to be compared."""
Rankings = list[list[str]]


class Retrieval(Task[Collection, Rankings]):
    """Embeddings of queries and documents, each with the archive's prompt for its side."""

    name = "retrieval"
    served = "embedding"
    unit = "queries"
    titles: ClassVar[Mapping[str, str]] = {
        "ndcg@10": "nDCG@10",
        "recall@10": "recall@10",
        "recall@100": "recall@100",
        "mrr@10": "MRR@10",
    }

    def fits(self, keys: frozenset[str], columns: Columns) -> bool:
        """A folder."""
        return not keys

    def read(self, data: Path, columns: Columns) -> Collection:
        """A folder in BEIR's layout."""
        return beir.read(data)

    def size(self, data: Collection) -> int:
        """Queries with judgements."""
        return len(data.queries)

    def answers(self, archive: Opened, data: Collection, columns: Columns) -> Rankings:
        """The best documents of each query, best first.

        Raises:
            Failure: the archive is for another way to search, of which cosines say nothing.
        """
        if (task := archive.info["task"]) in OTHERS:
            raise Failure(
                f"retrieval is measured by cosines of embeddings, and {archive.name} is for {task}",
                fix="scripts/bert evaluate --task reranking, with the candidates of each query",
            )
        documents = archive.vectors(list(data.documents.values()), input_type="document")
        queries = archive.vectors(list(data.queries.values()), input_type="query")
        blocks = (queries[start : start + QUERIES] @ documents.T for start in range(0, len(queries), QUERIES))
        return list(best(data, (row for block in blocks for row in block)))

    def measure(self, data: Collection, answers: Rankings) -> Outcome:
        """Means over queries."""
        rows = [figures(found, data.judgements[name]) for name, found in zip(data.queries, answers, strict=True)]
        return of_queries(rows, list(self.titles), notes(data))


def best(data: Collection, scores: Iterator[np.ndarray]) -> Iterator[list[str]]:
    """The best documents of each query.

    A document that has both the id and the text of the query is the query itself, as in collections that are searched
    for what is like one of their own, and is left out.
    """
    names, texts = np.array(list(data.documents)), data.documents
    places = ranking.places(list(data.documents))
    for (query, text), row in zip(data.queries.items(), scores, strict=True):
        own = texts.get(query) == text
        depth = min(DEPTH + own, len(row))
        among = np.flatnonzero(row >= np.partition(row, -depth)[-depth])
        found = names[among[ranking.order(row[among], places[among])]].tolist()
        yield [name for name in found if not (own and name == query)][:DEPTH]


def figures(found: list[str], judged: Mapping[str, int]) -> list[float]:
    """Of one query, in the order of `Retrieval.titles`."""
    ranked, known = [judged.get(name, 0) for name in found], list(judged.values())
    return [
        ranking.ndcg(ranked, known, 10),
        ranking.recall(ranked, known, 10),
        ranking.recall(ranked, known, DEPTH),
        ranking.reciprocal_rank(ranked, 10),
    ]


def notes(data: Collection) -> tuple[str, ...]:
    """What the data lack."""
    absent, found = data.absent, []
    if data.unjudged:
        found.append(f"queries without judgements, which are left out: {data.unjudged}")
    if absent:
        found.append(f"judgements of documents that are not in the corpus, which count as not found: {absent}")
    return tuple(found)
