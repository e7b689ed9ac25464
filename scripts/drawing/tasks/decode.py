"""Texts of token ids, numbered."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.texts import lines


def draw(drawn: Drawn) -> RenderableType:
    """In the order of the request."""
    return Group(*(Text.assemble((f"{number}. ", "dim"), lines(text)) for number, text in enumerate(drawn.answer, 1)))
