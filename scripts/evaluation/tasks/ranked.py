"""Figures of queries whose documents were put into order: means over all queries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scripts.evaluation.bootstrap import Figures, Rows
from scripts.evaluation.tasks.base import Outcome


def of_queries(rows: Sequence[Sequence[float]], names: Sequence[str], notes: tuple[str, ...] = ()) -> Outcome:
    """The outcome of a figure per query and column; `names` are those of the columns."""

    def means(chosen: Rows) -> Figures:
        return dict(zip(names, map(float, chosen.mean(0)), strict=True))

    return Outcome(np.array(rows, float), means, {}, notes)
