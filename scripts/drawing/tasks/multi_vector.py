"""A vector per token: MaxSim of the first text with each other one."""

from __future__ import annotations

from rich.console import Group, RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.numbers import Numbers
from scripts.drawing.parts.texts import sections
from scripts.drawing.parts.vectors import vectors


def draw(drawn: Drawn) -> RenderableType:
    """MaxSim is the sum of each row's largest product (https://arxiv.org/abs/2004.12832, section 3.3)."""
    first, *others = (vectors(text, drawn.body.get("encoding_format", "float")) for text in drawn.answer)
    name, *names = drawn.names
    if not others:
        return sections([f"{name} ({len(first)} vectors; the first one:)"], [Numbers(first[0])])
    scores = [float((first @ other.T).max(1).sum()) for other in others]
    found = sorted(zip(names, others, scores, strict=True), key=lambda each: -each[2])
    bars = Bars((Row(f"{text} ({len(of)} vectors)", score, f"{score:.3f}") for text, of, score in found), None)
    return Group(sections([f"MaxSim with: {name} ({len(first)} vectors)"], [bars]))
