"""What a row of an input is: a record, or the reason why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
INPUTS = "inputs"
"""The key of a request whose value is a text, where a task has it; the answer is then a list of one."""

PART = "part"
BAD = "bad"
"""What names of files with answers begin with, and of those with rows that have none."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row without an answer, and why; the reason is written into a file of the user's and never into a log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A refused row.

    Attributes:
        row: its number in its file, from 1; the header of a CSV is not counted.
        reason: see `Refused`.
    """

    row: int
    reason: str
