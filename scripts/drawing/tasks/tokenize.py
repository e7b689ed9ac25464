"""What the model sees of a text: its pieces, and where it stops reading."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.marked import colour
from scripts.drawing.parts.texts import line, sections


def draw(drawn: Drawn) -> RenderableType:
    """Each text."""
    info = drawn.ask("info", {})
    limit = info["limits"]["max_length"] if info else sys.maxsize
    return sections(drawn.names, (pieces(tokens, limit) for tokens in drawn.answer))


def pieces(tokens: list[dict[str, Any]], limit: int) -> RenderableType:
    """Pieces in turns of colours, special ones dim, those beyond the limit struck out."""
    drawn = (Text(line(token["text"]) or "∅", look(token, n, limit)) for n, token in enumerate(tokens))
    more = f'; the model reads {limit}, and the others only where "truncation" says so' if len(tokens) > limit else ""
    return Group(Text("|").join(drawn), Text(f"{len(tokens)} tokens{more}", "dim"))


def look(token: dict[str, Any], number: int, limit: int) -> str:
    """The style of a piece."""
    how = "strike" if number >= limit else "not strike"
    return f"{how} dim" if token["special"] else f"{how} {colour(number)}"
