"""Rows of a value, its bar and a name; names come last, so that no script they are in can shift the bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.bar import Bar
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from scripts.drawing.parts.texts import one_line

LONGEST = 30
"""Cells of a full bar, on a terminal that is three times as wide."""
COLOURS = {True: "red", False: "blue"}
"""Whether the value is negative."""


@dataclass(frozen=True, slots=True)
class Row:
    """A bar: `shown` is its value in words, and `before` comes first of all, such as its place."""

    name: str
    value: float
    shown: str
    before: str = ""


class Bars:
    """Bars, of which one of the value `most` (or of the largest, where it is None) has the full length."""

    def __init__(self, rows: Iterable[Row], most: float | None = 1.0) -> None:
        self.rows = list(rows)
        largest = max((abs(row.value) for row in self.rows), default=1.0)
        self.most = (largest if most is None else max(most, largest)) or 1.0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """As wide as there is room; a name that is longer ends in an ellipsis."""
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", no_wrap=True, style="dim")
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column()  # the one that gives way
        width = min(LONGEST, options.max_width // 3)
        for row in self.rows:
            bar = Bar(self.most, 0, abs(row.value), width=width, color=COLOURS[row.value < 0])
            table.add_row(Text(row.before), Text(row.shown), bar, one_line(row.name))
        yield table
