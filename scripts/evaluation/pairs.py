"""Data of sts: pairs of texts, each with a score of how alike they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.finetuning.files import BadLine, Record, parse, records, text_of

COLUMNS = (("sentence1", "sentence2"), ("text", "text_pair"))
"""What the two texts may be called."""
SCORE = "score"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts and how alike they are, on any scale; more is nearer."""

    one: str
    other: str
    score: float


def read(file: Path) -> list[Pair]:
    """Pairs of a `.csv` or `.jsonl`, in its order.

    Raises:
        Failure: a line cannot be used.
    """

    def one(_: int, record: Record) -> Pair:
        names = next((each for each in COLUMNS if set(each) <= set(record)), COLUMNS[0])
        return Pair(text_of(record, names[0]), text_of(record, names[1]), number(record, SCORE))

    return parse(file, records(file), one)


def number(record: Record, key: str) -> float:
    """A finite number, which a CSV holds as text.

    Raises:
        BadLine: it is none.
    """
    value: Any = record.get(key)
    if value is None or not str(value).strip():
        raise BadLine(f"{key} is missing")
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        raise BadLine(f"{key} is {value!r}, not a number")
    return found
