"""What was measured so far, in a file that is written after each cell, so that a run that was broken off goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from scripts.load import report

Row = dict[str, Any]
ONE = ("model", "cell", "precision", "engine")
"""What tells rows apart."""


class Record:
    """Rows of one file.

    Attributes:
        about: machine and versions; rows that were measured with others are dropped, but for another kernel's.
        rows: in the order of measuring.
    """

    def __init__(self, file: Path, about: dict[str, Any]) -> None:
        self.file, self.about = file, about
        found = orjson.loads(file.read_bytes()) if file.exists() else {"rows": []}
        now = orjson.loads(orjson.dumps(about))
        same = compared({key: found.get(key) for key in about}) == compared(now)
        self.rows: list[Row] = found["rows"] if same else []

    def has(self, **wanted: str) -> bool:
        """Whether there is a row with these values."""
        return any(all(str(row.get(name)) == value for name, value in wanted.items()) for row in self.rows)

    def put(self, rows: Sequence[Row]) -> None:
        """Rows instead of those of the same engines and precisions in the same cells."""
        new = {key(row) for row in rows}
        self.rows = [row for row in self.rows if key(row) not in new] + list(rows)
        report.save(self.about | {"rows": self.rows}, self.file)


def compared(about: dict[str, Any]) -> dict[str, Any]:
    """What rows of one file have in common: the machine without its kernel, which is renewed under a long run."""
    machine = about.get("machine") or {}
    return about | {"machine": {key: each for key, each in machine.items() if key != "system"}}


def key(row: Row) -> tuple[str, ...]:
    """Which model, cell, precision and engine it is of."""
    return tuple(str(row.get(name)) for name in ONE)
