"""How good a ranking is, as trec_eval measures it; what has no relevant document is 0.

`ranked` are the relevances of the documents that were found, best first, and `judged` those of all that are known of
the query, found or not. A document is relevant above 0. Gains are the relevances themselves (Järvelin and Kekäläinen
2002), as in trec_eval's `ndcg_cut`, and not powers of two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def order(scores: ArrayLike, places: NDArray[np.int_]) -> NDArray[np.int_]:
    """Documents by falling score; of equal ones that with the greater name first, as trec_eval has them.

    Args:
        scores: of the documents.
        places: of their names in the order of names; see `places`.
    """
    return np.lexsort((places, np.asarray(scores)))[::-1]


def places(names: Sequence[str]) -> NDArray[np.int_]:
    """Where each name stands when they are in order."""
    return np.argsort(np.argsort(np.asarray(names), kind="stable"), kind="stable")


def dcg(gains: ArrayLike) -> float:
    """Gains, each over the binary logarithm of its place plus 1."""
    values = np.maximum(np.asarray(gains, float), 0)
    return float((values / np.log2(np.arange(values.size) + 2)).sum())


def ndcg(ranked: ArrayLike, judged: ArrayLike, k: int | None = None) -> float:
    """DCG of the first `k`, over that of the best order of all judged documents."""
    best = dcg(np.sort(np.asarray(judged, float))[::-1][:k])
    return dcg(np.asarray(ranked, float)[:k]) / best if best else 0.0


def recall(ranked: ArrayLike, judged: ArrayLike, k: int) -> float:
    """Share of the relevant documents that are among the first `k`."""
    relevant = int((np.asarray(judged) > 0).sum())
    return int((np.asarray(ranked)[:k] > 0).sum()) / relevant if relevant else 0.0


def reciprocal_rank(ranked: ArrayLike, k: int | None = None) -> float:
    """1 over the place of the first relevant document; 0 if it is not among the first `k`."""
    places = np.flatnonzero(np.asarray(ranked)[:k] > 0)
    return 1 / (int(places[0]) + 1) if places.size else 0.0


def average_precision(ranked: ArrayLike, judged: ArrayLike) -> float:
    """Mean of the precisions at the places of all relevant documents; one that was not found counts 0."""
    hits = np.asarray(ranked) > 0
    relevant = int((np.asarray(judged) > 0).sum())
    precisions = hits.cumsum() / (np.arange(hits.size) + 1)
    return float(precisions[hits].sum()) / relevant if relevant else 0.0
