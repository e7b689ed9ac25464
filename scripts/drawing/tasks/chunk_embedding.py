"""Chunks of texts: all pairs of their vectors; the numbers of one."""

from __future__ import annotations

from dataclasses import replace

from rich.console import RenderableType

from scripts.drawing.drawn import Drawn
from scripts.drawing.tasks import embedding


def draw(drawn: Drawn) -> RenderableType:
    """As `embedding` with each chunk as a text."""
    chunks = [
        (text[each["start"] : each["stop"]], each["embedding"])
        for text, own in zip(drawn.inputs, drawn.answer, strict=True)
        for each in own
    ]
    body = {**drawn.body, "inputs": [text for text, _ in chunks]}
    return embedding.draw(replace(drawn, body=body, answer=[vector for _, vector in chunks]))
