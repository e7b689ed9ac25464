"""All pairs of some texts by the cosine of their vectors: a heat map, and the nearest pairs by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.heat import Heat
from scripts.drawing.parts.texts import HEADING
from scripts.drawing.parts.vectors import Vectors, cosines

NAMED = 5


def pairs(names: Sequence[str], given: Vectors) -> RenderableType:
    """Of at least two vectors, `(texts, dimensions)`."""
    matrix = cosines(given, given)
    first, second = np.triu_indices(len(matrix), 1)
    nearest = np.argsort(-matrix[first, second], kind="stable")[:NAMED]
    rows = [(names[first[n]], names[second[n]], float(matrix[first[n], second[n]])) for n in nearest]
    bars = Bars(Row(f"{one} — {other}", value, f"{value:.3f}") for one, other, value in rows)
    return Group(Heat(names, matrix, "cosine of each pair"), Text("nearest pairs", HEADING), bars)
