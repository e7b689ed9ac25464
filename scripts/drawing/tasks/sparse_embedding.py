"""Sparse vectors: the words of the vocabulary that stand for a text, by weight."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from scripts.drawing.drawn import Ask, Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.texts import sections

SHOWN = 20


def draw(drawn: Drawn) -> RenderableType:
    """The largest weights of each text."""
    return sections(drawn.names, (weighed(weights, drawn.ask) for weights in drawn.answer))


def weighed(weights: list[dict[str, Any]], ask: Ask) -> RenderableType:
    """The answer has ids; the model is asked for their words by `decode`."""
    shown = sorted(weights, key=lambda each: -each["value"])[:SHOWN]
    if not shown:
        return Text("no word has a weight", "dim")
    words = ask("decode", {"ids": [[each["index"]] for each in shown], "skip_special_tokens": False}) or []
    names = words or [f"id {each['index']}" for each in shown]
    bars = Bars(
        (Row(word, each["value"], f"{each['value']:.3f}") for word, each in zip(names, shown, strict=True)), None
    )
    rest = len(weights) - len(shown)
    return Group(bars, *([Text(f"{rest} more have smaller weights", "dim")] if rest else []))
