"""How far a run is: rows or bytes, rate and time left, as a bar on a terminal and as lines in a log."""

from __future__ import annotations

from time import monotonic
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scripts.console import err

SECONDS = 30.0
"""Between two lines of a log."""
WINDOW = 600.0
"""Seconds over which the rate is measured; blocks take seconds each."""


class Bar:
    """On a terminal."""

    def __init__(self, done: int, total: int, unit: str) -> None:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
        self.rate, self.unit = Rate(), unit
        self.progress = Progress(*columns, console=err, speed_estimate_period=WINDOW)
        self.task = self.progress.add_task(unit, total=total, completed=done, rate="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def advance(self, rows: int) -> None:
        """So many rows more."""
        self.progress.update(self.task, advance=rows, rate=f"{self.rate.add(rows):,.0f} {self.unit}/s")


class Log:
    """In a file or a pipe."""

    def __init__(self, done: int, total: int, unit: str) -> None:
        self.unit = unit
        self.done, self.total, self.rate, self.said = done, total, Rate(), monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left on the screen."""

    def advance(self, rows: int) -> None:
        """So many rows more."""
        self.done += rows
        rate = self.rate.add(rows)
        if rate and monotonic() - self.said >= SECONDS:
            self.said = monotonic()
            left = (self.total - self.done) / rate
            done = f"{self.done:,} of {self.total:,} {self.unit}"
            err.print(f"{done}, {rate:,.0f} {self.unit}/s, {left / 60:.0f} minutes left")


class Rate:
    """Rows per second of this run."""

    def __init__(self) -> None:
        self.rows, self.begin = 0, monotonic()

    def add(self, rows: int) -> float:
        """The rate with these rows."""
        self.rows += rows
        return self.rows / max(1e-9, monotonic() - self.begin)


def shown(done: int, total: int, unit: str = "rows") -> Bar | Log:
    """What suits stderr."""
    return (Bar if err.is_terminal else Log)(done, total, unit)
