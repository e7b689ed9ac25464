"""A matrix as a heat map: rows and columns have numbers, and names stand behind the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderableType
from rich.style import Style
from rich.text import Text

from scripts.drawing.parts.texts import HEADING, line

Colour = tuple[int, int, int]
LOW: Colour = (232, 240, 248)
HIGH: Colour = (86, 160, 230)
"""Colours of the smallest and the largest value; black is readable on both."""
SHADES = "░▒▓█"
NAME = 12
"""Cells that a name has at least."""
GAP = 2


@dataclass(frozen=True, slots=True)
class Cells:
    """How a value is written.

    Attributes:
        width: of a cell.
        unit: what the caption says of it.
        written: the value, and its share between the smallest and the largest, to text.
        coloured: whether the colour behind the text says how large it is.
    """

    width: int
    unit: str
    written: Callable[[float, float], str]
    coloured: bool = True


FORMS = (
    Cells(6, "", lambda value, share: f"{round(value, 2) + 0.0:.2f} "),
    Cells(4, ", in hundredths", lambda value, share: f"{round(100 * value)} "),
    Cells(2, ", the darker the larger", lambda value, share: 2 * SHADES[min(int(4 * share), 3)], coloured=False),
)
"""The first for which the terminal is wide enough."""


class Heat:
    """A matrix of `values`, `(rows, columns)`.

    Args:
        names: of the rows.
        values: any numbers.
        caption: what they are.
    """

    def __init__(self, names: Sequence[str], values: NDArray[Any], caption: str) -> None:
        self.names, self.values, self.caption = names, values, caption

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """The widest form that fits; a sentence instead where none does."""
        rows, columns = self.values.shape
        numbers = len(str(rows)) + 1
        room = options.max_width - numbers - GAP - NAME
        form = next((each for each in FORMS if columns * each.width <= room), None)
        if form is None:
            yield Text(f"{self.caption}: {rows} x {columns} cells are too many for {options.max_width} columns", "dim")
            return
        yield Text(self.caption + form.unit, HEADING)
        if form.coloured:
            yield Text(" " * numbers + "".join(f"{n + 1} ".rjust(form.width) for n in range(columns)), "dim")
        shares = (self.values - self.values.min()) / (float(np.ptp(self.values)) or 1.0)
        for number, name in enumerate(self.names):
            row = Text(f"{number + 1} ".rjust(numbers), no_wrap=True, overflow="ellipsis")
            for value, share in zip(self.values[number], shares[number], strict=True):
                row.append(form.written(value, share).rjust(form.width), shade(share) if form.coloured else None)
            yield row.append(" " * GAP + line(name))


def shade(share: float, low: Colour = LOW, high: Colour = HIGH) -> Style:
    """Black on a colour between two."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(low, high, strict=True))
    return Style(color="black", bgcolor=f"rgb({red},{green},{blue})")
