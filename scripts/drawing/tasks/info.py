"""What the archive is: a table."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.texts import lines


def draw(drawn: Drawn) -> RenderableType:
    """A row for each key."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    for name, value in drawn.answer.items():
        table.add_row(name, Text(lines(shown(value)), overflow="fold"))
    return table


def shown(value: Any) -> str:
    """Lists on a line, and a line for each key of an object."""
    if isinstance(value, dict):
        return "\n".join(f"{name}: {shown(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or "none"
    return "none" if value is None else str(value)
