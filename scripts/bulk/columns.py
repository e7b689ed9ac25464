"""What the columns of lines hold: one kind each for the whole input, so that all parts of a result have one schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import orjson

from scripts.bulk.rows import Record
from scripts.console import Failure

Kind = Literal["null", "boolean", "integer", "long", "number", "text", "json"]
"""Of a column. `long` is for integers of which some are no double. `json` is for lists, objects or several kinds: their
values are written as JSON."""
Kinds = dict[str, Kind]
PLAIN: dict[type, Kind] = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "text"}
DOUBLES = range(-(2**53), 2**53 + 1)
"""Integers of which a double has each."""
INTEGERS = range(-(2**63), 2**63)
TOGETHER: dict[frozenset[Kind], Kind] = {
    frozenset(("integer", "number")): "number",
    frozenset(("integer", "long")): "long",
}
"""Kinds of columns that hold two; of others it is `json`."""


def kind(value: Any) -> Kind:
    """Of one value, as `orjson` reads it."""
    found = PLAIN.get(type(value), "json")
    if found != "integer" or value in DOUBLES:
        return found
    return "long" if value in INTEGERS else "json"


def merged(one: Kind, other: Kind) -> Kind:
    """The kind of a column that holds both."""
    kinds = frozenset((one, other)) - {"null"}
    return TOGETHER.get(kinds, "json") if len(kinds) > 1 else next(iter(kinds), "null")


def gather(kinds: Kinds, record: Record) -> None:
    """Add what a record holds."""
    for name, value in record.items():
        found = kind(value)
        known = kinds.get(name)
        if found != known:
            kinds[name] = found if known is None else merged(known, found)


def union(files: Iterable[Mapping[str, Kind]]) -> Kinds:
    """Columns of several files."""
    together: Kinds = {}
    for kinds in files:
        for name, found in kinds.items():
            together[name] = merged(together.get(name, "null"), found)
    return together


def values(records: Iterable[Record], name: str, kind: Kind) -> list[Any]:
    """A column of records as its kind has it; None where a record has no such key."""
    found = [record.get(name) for record in records]
    if kind == "json":
        return [None if value is None else orjson.dumps(value).decode() for value in found]
    return found


def check_distinct(path: Path, names: Sequence[str]) -> None:
    """Make sure that names tell the columns of a file apart.

    Raises:
        Failure: two have the same one.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Failure(f"{path} names the column {twice[0]} twice", fix="leave one of them")
