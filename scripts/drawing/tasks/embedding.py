"""Embeddings: the numbers of one, all pairs of several."""

from __future__ import annotations

from rich.console import RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.numbers import Numbers
from scripts.drawing.parts.pairs import pairs
from scripts.drawing.parts.texts import sections
from scripts.drawing.parts.vectors import vectors


def draw(drawn: Drawn) -> RenderableType:
    """Of every `encoding_format`."""
    found = vectors(drawn.answer, drawn.body.get("encoding_format", "float"))
    return pairs(drawn.names, found) if len(found) > 1 else sections(drawn.names, map(Numbers, found))
