"""Words and sums of words: their neighbours in the vocabulary as bars, their cosines as a heat map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Group, RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.heat import Heat
from scripts.drawing.parts.numbers import Numbers
from scripts.drawing.parts.texts import sections


def draw(drawn: Drawn) -> RenderableType:
    """What was asked for of each."""
    cosines = [each["cosines"] for each in drawn.answer if "cosines" in each]
    heat = [Heat(drawn.names, np.array(cosines), "cosine of each pair")] if cosines else []
    return Group(sections(drawn.names, (Group(*parts(each)) for each in drawn.answer)), *heat)


def parts(word: dict[str, Any]) -> Iterator[RenderableType]:
    """Its vector, and its neighbours."""
    if "vector" in word:
        yield Numbers(np.array(word["vector"]))
    if "neighbours" in word:
        yield Bars(Row(each["token"], each["score"], f"{each['score']:.3f}") for each in word["neighbours"])
