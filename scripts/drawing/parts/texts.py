"""Texts of a request and of an answer, as a terminal may show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from scripts.console import LINES, printable

JOINERS = "\u200c\u200d"
"""Zero-width (non-)joiners, which Persian, Indic scripts and emoji are spelled with."""
HEADING = "bold"


def listed(value: Any) -> list[Any]:
    """One value or a list, as a list; None is none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def name(value: Any) -> str:
    """A text, a pair, token ids, or an expression of words, on one line."""
    if isinstance(value, dict) and {"positive", "negative"} & value.keys():
        return line(
            " ".join(
                [" + ".join(listed(value.get("positive"))), *(f"- {each}" for each in listed(value.get("negative")))]
            )
        )
    if isinstance(value, dict):
        return line(" / ".join(map(str, value.values())))
    if isinstance(value, list):
        return line((" " if all(isinstance(each, int) for each in value) else " / ").join(map(str, value)))
    return line(str(value))


def line(text: str) -> str:
    """Without what would end the line, or command the terminal."""
    return printable(text, JOINERS)


def lines(text: str) -> str:
    """A text of several lines, which commands no terminal."""
    return printable(text, LINES + JOINERS)


def one_line(text: str, style: str = "") -> Text:
    """As much of a text as there is room for, then an ellipsis."""
    return Text(line(text), style, no_wrap=True, overflow="ellipsis")


def sections(titles: Iterable[str], parts: Iterable[RenderableType]) -> RenderableType:
    """Each part below its title."""
    return Group(*(Group(one_line(title, HEADING), part) for title, part in zip(titles, parts, strict=True)))


def percent(share: float) -> str:
    """With one decimal place."""
    return f"{100 * share:.1f} %"
