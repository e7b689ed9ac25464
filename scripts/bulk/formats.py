"""Formats of inputs, by the ending of the file: how one is looked through once, and how a block of it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from scripts.bulk import parquet
from scripts.bulk.columns import Kinds, check_distinct, gather
from scripts.bulk.content import Content, Records, Table
from scripts.bulk.delimited import Delimited
from scripts.bulk.lines import Jsonl, Lines, Text
from scripts.bulk.rows import Refused
from scripts.console import Failure


class Survey(Struct, frozen=True):
    """What is known of a file once it was looked through.

    Attributes:
        rows: how many it has.
        places: where each block of it begins: bytes in a file of lines, rows in a Parquet file.
        kinds: its columns; those of a Parquet file have types of their own, and no kinds.
        names: its columns.
    """

    rows: int
    places: list[int]
    kinds: Kinds
    names: list[str]


Told = Callable[[int], None]
"""Is told how many bytes of a file were looked through more."""


def nobody(_: int) -> None:
    """Is told nothing."""


class Format(Protocol):
    """One kind of file."""

    def survey(self, path: Path, block: int, told: Told = nobody) -> Survey:
        """Look through a file that is read `block` rows at a time."""

    def read(self, path: Path, place: int, first: int, count: int) -> Content:
        """`count` rows from a place on, of which the first has the number `first`."""


class LineFormat:
    """Files of lines."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines

    def survey(self, path: Path, block: int, told: Told = nobody) -> Survey:
        """See `Format.survey`."""
        places, kinds, rows = list[int](), Kinds(), 0
        with path.open("rb") as file:
            header = self.lines.header(file, path)
            kinds.update(dict.fromkeys(header.names, "null"))
            place = file.tell()
            for row in self.lines.rows(file, header):
                if rows % block == 0:
                    told(place - (places[-1] if places else 0))
                    places.append(place)
                if not isinstance(row, Refused):
                    gather(kinds, row)
                rows, place = rows + 1, file.tell()
        told(place - (places[-1] if places else 0))
        return Survey(rows, places, kinds, list(kinds))

    def read(self, path: Path, place: int, first: int, count: int) -> Content:
        """See `Format.read`."""
        return Records(first, self.lines.read(path, place, count))


class ParquetFormat:
    """Parquet files."""

    def survey(self, path: Path, block: int, told: Told = nobody) -> Survey:
        """See `Format.survey`; only its end is read."""
        told(path.stat().st_size)
        with parquet.opened(path) as file:
            rows, names = file.metadata.num_rows, list(file.schema_arrow.names)
        check_distinct(path, names)
        return Survey(rows, list(range(0, rows, block)), {}, names)

    def read(self, path: Path, place: int, first: int, count: int) -> Content:
        """See `Format.read`."""
        return Table(first, parquet.read(path, place, count))


FORMATS: dict[str, Format] = {
    ".txt": LineFormat(Text()),
    ".csv": LineFormat(Delimited(",", ";", "\t")),
    ".tsv": LineFormat(Delimited("\t")),
    ".jsonl": LineFormat(Jsonl()),
    ".parquet": ParquetFormat(),
}
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""Endings of files that hold another."""


def of(path: Path) -> Format:
    """The format of a file.

    Raises:
        Failure: its ending names none.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        fix = "unpack it first" if path.suffix.lower() in PACKED else f"name it after its format, one of {known}"
        raise Failure(f"{path} ends in none that is known", fix=fix) from None
