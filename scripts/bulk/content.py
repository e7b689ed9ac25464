"""Rows of a block: the columns of those that can be used, and what the others are refused for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from scripts.bulk import arrow
from scripts.bulk.columns import Kinds, values
from scripts.bulk.rows import Bad, Record, Refused


class Content(ABC):
    """Usable rows, numbered from 0 by position.

    Attributes:
        rows: number of each in its file, from 1.
        bad: the rows that cannot be used.
    """

    rows: Sequence[int]
    bad: list[Bad]

    @abstractmethod
    def records(self, names: Iterable[str] | None = None) -> list[Record]:
        """Each row with those of its columns, or with all."""

    @abstractmethod
    def table(self, kept: list[int], kinds: Kinds) -> Any:
        """All columns of the rows at these positions, as a `pyarrow.Table`."""


class Records(Content):
    """Of a file of lines."""

    def __init__(self, first: int, found: Iterable[Record | Refused]) -> None:
        self.rows, self.bad, self.found = [], [], []
        for number, row in enumerate(found, first):
            if isinstance(row, Refused):
                self.bad.append(Bad(number, row.reason))
            else:
                self.rows.append(number)
                self.found.append(row)

    def records(self, names: Iterable[str] | None = None) -> list[Record]:
        """See `Content.records`; a row may lack a column."""
        return self.found

    def table(self, kept: list[int], kinds: Kinds) -> Any:
        """See `Content.table`."""
        records, types = [self.found[position] for position in kept], arrow.types()
        columns = {
            name: arrow.module("pyarrow").array(values(records, name, kind), types[kind])
            for name, kind in kinds.items()
        }
        return arrow.module("pyarrow").table(columns)


class Table(Content):
    """Of a Parquet file."""

    def __init__(self, first: int, table: Any) -> None:
        self.rows, self.bad, self.found = range(first, first + len(table)), [], table

    def records(self, names: Iterable[str] | None = None) -> list[Record]:
        """See `Content.records`; times in nanoseconds, which Python does not have, are texts."""
        table = self.found if names is None else self.found.select(list(dict.fromkeys(names)))
        for place, field in enumerate(table.schema):
            if getattr(field.type, "unit", "") == "ns":
                table = table.set_column(place, field.name, spelled(table.column(place)))
        found: list[Record] = table.to_pylist()
        return found

    def table(self, kept: list[int], kinds: Kinds) -> Any:
        """See `Content.table`; columns keep their own types, also those of which pyarrow's `take` makes nothing."""
        runs = [[at for _, at in run] for _, run in groupby(enumerate(kept), lambda each: each[1] - each[0])]
        slices = [self.found.slice(run[0], len(run)) for run in runs]
        return arrow.module("pyarrow").concat_tables([self.found.slice(0, 0), *slices])


def spelled(column: Any) -> Any:
    """Points in time in the form of ISO 8601; of durations the number of nanoseconds."""
    text = column.cast(arrow.module("pyarrow").string())
    return arrow.module("pyarrow.compute").replace_substring(text, " ", "T", max_replacements=1)
