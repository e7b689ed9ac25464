"""Texts in the order of the answer, with how far each moved."""

from __future__ import annotations

from rich.console import RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.texts import sections


def draw(drawn: Drawn) -> RenderableType:
    """A list with bars, best first; where scores are negative, bars begin at the least of them."""
    least = min([0.0, *(each["score"] for each in drawn.answer)])
    rows = (
        Row(text, each["score"] - least, f"{each['score']:.4f}", before(place, each["index"]))
        for place, each in enumerate(drawn.answer)
        for text in [drawn.body["texts"][each["index"]]]
    )
    return sections([drawn.body["query"]], [Bars(rows, None if least else 1.0)])


def before(place: int, index: int) -> str:
    """Its place, and from where in the request it came."""
    up = index - place
    return f"{place + 1}. {f'↑{up}' if up > 0 else f'↓{-up}' if up else '  ':>3}"
