"""Named entities, marked in the text, with a legend."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.marked import Span, colour, marked
from scripts.drawing.parts.texts import percent


def draw(drawn: Drawn) -> RenderableType:
    """The legend, each text, and all entities with their scores."""
    found = [each for entities in drawn.answer for each in entities]
    if not found:
        return Group(*drawn.names, Text("no entities", "dim"))
    kinds = {each: colour(number) for number, each in enumerate(sorted({kind(each) for each in found}))}
    legend = Text(" ").join(Text(f" {name} ", style) for name, style in kinds.items())
    texts = (
        marked(text, (Span(each["start"], each["end"], kind(each), kinds[kind(each)]) for each in entities))
        for text, entities in zip(drawn.inputs, drawn.answer, strict=True)
    )
    bars = Bars(
        Row(f"{text[each['start'] : each['end']]} ({kind(each)})", each["score"], percent(each["score"]))
        for text, entities in zip(drawn.inputs, drawn.answer, strict=True)
        for each in entities
    )
    return Group(legend, *texts, bars)


def kind(entity: dict[str, Any]) -> str:
    """B-PER and I-PER, of the strategy `none`, are both PER."""
    return re.sub("^[BIES]-", "", entity.get("entity_group") or entity["entity"])
