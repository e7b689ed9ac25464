"""What the columns of lines hold: one kind each for the whole input, so that all parts of a result have one schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import orjson

from scripts.bulk.rows import Record

Kind = Literal["null", "boolean", "integer", "number", "text", "json"]
"""Of a column. `json` is for those that hold lists, objects or several kinds: their values are written as JSON."""
Kinds = dict[str, Kind]
PLAIN: dict[type, Kind] = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "text"}
INTEGERS = range(-(2**63), 2**63)


def kind(value: Any) -> Kind:
    """Of one value, as `orjson` reads it."""
    found = PLAIN.get(type(value), "json")
    return "json" if found == "integer" and value not in INTEGERS else found


def merged(one: Kind, other: Kind) -> Kind:
    """The kind of a column that holds both."""
    kinds = {one, other} - {"null"}
    if len(kinds) < 2:
        return kinds.pop() if kinds else "null"
    return "number" if kinds == {"integer", "number"} else "json"


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
