"""What was measured so far, in a file that is written after each cell, so that a run that was broken off goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from scripts.load import report

Row = dict[str, Any]
CELL = ("model", "cell")


class Record:
    """Rows of one file.

    Attributes:
        about: machine and versions; rows that were measured with others are dropped.
        rows: in the order of measuring.
    """

    def __init__(self, file: Path, about: dict[str, Any]) -> None:
        self.file, self.about = file, about
        found = orjson.loads(file.read_bytes()) if file.exists() else {"rows": []}
        same = {key: found.get(key) for key in about} == orjson.loads(orjson.dumps(about))
        self.rows: list[Row] = found["rows"] if same else []

    def has(self, **cell: str) -> bool:
        """Whether a cell has been measured."""
        return any(key(row) == key(cell) for row in self.rows)

    def put(self, rows: Sequence[Row]) -> None:
        """Rows of a cell instead of those that it had."""
        new = {key(row) for row in rows}
        self.rows = [row for row in self.rows if key(row) not in new] + list(rows)
        report.save(self.about | {"rows": self.rows}, self.file)


def key(row: Row) -> tuple[str, ...]:
    """Which cell a row belongs to."""
    return tuple(str(row[name]) for name in CELL)
