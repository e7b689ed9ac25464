"""Classes of each text, as bars; those of the request's own choice, too."""

from __future__ import annotations

from itertools import chain

from rich.console import RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.texts import percent, sections


def draw(drawn: Drawn) -> RenderableType:
    """Scores between 0 and 1 as shares; others, such as logits, as numbers, with the largest as the full length."""
    scores = [each["score"] for each in chain.from_iterable(drawn.answer)]
    shown = percent if all(0 <= score <= 1 for score in scores) else "{:.3f}".format
    return sections(
        drawn.names,
        (Bars(Row(each["label"], each["score"], shown(each["score"])) for each in classes) for classes in drawn.answer),
    )
