"""What a row of an input is: a record, or the reason why it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

Record = dict[str, Any]
INPUTS = "inputs"
"""The key of a request whose value is a text, where a task has it; the answer is then a list of one."""

PART = "part"
BAD = "bad"
"""What names of files with answers begin with, and of those with rows that have none."""
NAMES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    orjson.Fragment: "an integer",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}
"""What values of JSON are called."""


def described(value: Any) -> str:
    """What a value is."""
    return NAMES.get(type(value), f"of the type {type(value).__name__}")


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
