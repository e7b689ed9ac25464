"""Similarity: sentences as bars, the most similar first; and all of them against one another."""

from __future__ import annotations

from rich.console import Group, RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.pairs import pairs
from scripts.drawing.parts.texts import sections
from scripts.drawing.parts.vectors import vectors


def draw(drawn: Drawn) -> RenderableType:
    """For all pairs the model is asked for `embedding`: the answer has those of the source alone."""
    source = drawn.body.get("source")
    names = drawn.names if source is None else drawn.body["sentences"]
    ranked = sorted(zip(names, drawn.answer, strict=True), key=lambda each: -each[1])
    bars = Bars(Row(text, value, f"{value:.3f}") for text, value in ranked)
    if source is None:
        return bars
    same = {key: value for key, value in drawn.body.items() if key == "truncation"}
    found = drawn.ask("embedding", {"inputs": [source, *names], **same})
    everything = [] if found is None else [pairs([source, *names], vectors(found))]
    return Group(sections([f"most similar to: {source}"], [bars]), *everything)
