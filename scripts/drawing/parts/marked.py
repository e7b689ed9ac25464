"""Spans of a text, marked in it: in brackets, since colours do not reach everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.text import Text

from scripts.drawing.parts.texts import lines

COLOURS = ("cyan", "green", "yellow", "magenta", "bright_cyan", "bright_green", "bright_yellow", "bright_magenta")
"""Of the terminal's own; black is readable on all of them, also where its background is light."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters from `start` to `end`, `note` behind them, and the style of both."""

    start: int
    end: int
    note: str
    style: str


def colour(number: int) -> str:
    """A style for the kind of that number."""
    return f"black on {COLOURS[number % len(COLOURS)]}"


def marked(text: str, spans: Iterable[Span]) -> Text:
    """The text with its spans as `[Ada Lovelace PER]`."""
    drawn, done = Text(), 0
    for span in apart(spans):
        drawn.append(lines(text[done : span.start]))
        drawn.append(f"[{lines(text[span.start : span.end])} {lines(span.note)}]", span.style)
        done = span.end
    return drawn.append(lines(text[done:]))


def apart(spans: Iterable[Span]) -> list[Span]:
    """In the order of the text; of two that overlap, the one that was given first stays. Empty ones go."""
    kept: list[Span] = []
    for span in spans:
        if span.start < span.end and all(span.end <= each.start or each.end <= span.start for each in kept):
            kept.append(span)
    return sorted(kept, key=lambda each: each.start)
