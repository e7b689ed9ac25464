"""What each token adds to a score: tokens shaded by their attribution, and the strongest as bars."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.heat import shade
from scripts.drawing.parts.texts import line, sections

RAISES, LOWERS, NEITHER = (120, 190, 255), (255, 150, 130), (245, 245, 245)
STRONGEST = 8


def draw(drawn: Drawn) -> RenderableType:
    """Each window of each text."""
    legend = (
        Text("raises the score", shade(1, NEITHER, RAISES)) + Text(" ") + Text("lowers it", shade(1, NEITHER, LOWERS))
    )
    windows = (Group(*(explained(**window) for window in found)) for found in drawn.answer)
    return Group(sections(drawn.names, windows), legend)


def explained(
    tokens: list[str], attributions: list[float], target: str, score: float, baseline: float, **_: Any
) -> RenderableType:
    """What is explained, and by what."""
    most = max(map(abs, attributions), default=0) or 1.0
    shaded = (
        Text(f" {line(token)} ", shade(abs(value) / most, NEITHER, LOWERS if value < 0 else RAISES))
        for token, value in zip(tokens, attributions, strict=True)
    )
    counting = (each for each in zip(tokens, attributions, strict=True) if each[1])
    strongest = sorted(counting, key=lambda each: -abs(each[1]))[:STRONGEST]
    return Group(
        Text(f"{line(target)}: {score:.3f}, of which {baseline:.3f} without any text"),
        Text(" ").join(shaded),
        Bars((Row(token, value, f"{value:+.3f}") for token, value in strongest), None),
    )
