"""What may stand in each mask, as bars."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.texts import percent, sections


def draw(drawn: Drawn) -> RenderableType:
    """The masks of each text, in their order."""
    found = [
        (title(text, number, len(masks)), choices)
        for text, answer in zip(drawn.names, drawn.answer, strict=True)
        for masks in [of_masks(answer)]
        for number, choices in enumerate(masks, 1)
    ]
    bars = (Bars(Row(each["token_str"], each["score"], percent(each["score"])) for each in fills) for _, fills in found)
    return sections((name for name, _ in found), bars)


def of_masks(answer: list[Any]) -> list[list[dict[str, Any]]]:
    """A list for each mask; the answer to a text with one mask is that of the mask."""
    return answer if answer and isinstance(answer[0], list) else [answer]


def title(text: str, number: int, masks: int) -> str:
    """Which mask it is, if there are several."""
    return f"{text} (mask {number} of {masks})" if masks > 1 else text
