"""Answers, marked in their context: the best one in colour, those after it underlined."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.marked import Span, colour, marked
from scripts.drawing.parts.texts import listed, name, percent, sections

NOTHING = "(the context has no answer)"


def draw(drawn: Drawn) -> RenderableType:
    """The context of each question, and its answers with their scores."""
    asked = listed(drawn.body.get("inputs")) or [drawn.body]
    found = drawn.answer if isinstance(drawn.body.get("inputs"), list) else [drawn.answer]
    titles = (name(each["question"]) for each in asked)
    return sections(titles, (answered(each["context"], spans) for each, spans in zip(asked, found, strict=True)))


def answered(context: str, answers: list[dict[str, Any]]) -> RenderableType:
    """The number behind an answer is its place."""
    spans = (
        Span(each["start"], each["end"], str(place), "underline" if place > 1 else colour(0))
        for place, each in enumerate(answers, 1)
    )
    rows = (
        Row(each["answer"] or NOTHING, each["score"], percent(each["score"]), str(place))
        for place, each in enumerate(answers, 1)
    )
    return Group(marked(context, spans), Bars(rows))
