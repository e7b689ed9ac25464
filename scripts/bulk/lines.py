"""Files of lines: `.txt`, `.csv` and `.jsonl` as records, read from any row whose place is known."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from codecs import BOM_UTF8
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import orjson

from scripts.bulk.rows import Record, Refused
from scripts.console import Failure

LONGEST = 16 << 20
"""Bytes of a line or a cell; what is longer is refused, so that no file can fill the memory."""
TEXT = "text"
"""The one column of a `.txt`."""

csv.field_size_limit(LONGEST)


class Unusable(Exception):
    """A line that cannot be used; its text says why."""


class Lines(ABC):
    """A format whose rows are lines. `header` leaves the file at the first row, which `rows` goes on from."""

    @abstractmethod
    def header(self, file: BinaryIO, path: Path) -> list[str]:
        """Names of the columns, where the file begins with them.

        Raises:
            Failure: they cannot be read.
        """

    @abstractmethod
    def rows(self, file: BinaryIO, header: list[str]) -> Iterator[Record | Refused]:
        """Each row, without reading ahead: `file.tell()` is then the place of the next one."""

    def read(self, path: Path, place: int, count: int) -> Iterator[Record | Refused]:
        """`count` rows from a place on."""
        with path.open("rb") as file:
            header = self.header(file, path)
            file.seek(place)
            yield from islice(self.rows(file, header), count)


class Text(Lines):
    """`.txt`: a text a line."""

    def header(self, file: BinaryIO, path: Path) -> list[str]:
        """See `Lines.header`."""
        pass_byte_order_mark(file)
        return [TEXT]

    def rows(self, file: BinaryIO, header: list[str]) -> Iterator[Record | Refused]:
        """See `Lines.rows`."""
        for line in lines(file):
            try:
                yield {TEXT: decoded(line).removesuffix("\n").removesuffix("\r")}
            except Unusable as error:
                yield Refused(str(error))


class Jsonl(Lines):
    """`.jsonl`: an object a line; columns are those of all objects."""

    def header(self, file: BinaryIO, path: Path) -> list[str]:
        """See `Lines.header`."""
        pass_byte_order_mark(file)
        return []

    def rows(self, file: BinaryIO, header: list[str]) -> Iterator[Record | Refused]:
        """See `Lines.rows`."""
        for line in lines(file):
            try:
                yield object_of(decoded(line))
            except Unusable as error:
                yield Refused(str(error))


class Csv(Lines):
    """`.csv` with a header; a quoted cell may hold newlines."""

    def header(self, file: BinaryIO, path: Path) -> list[str]:
        """See `Lines.header`."""
        pass_byte_order_mark(file)
        names = next(self.cells(file), [])
        if isinstance(names, Refused):
            raise Failure(f"{path}, header: {names.reason}", fix="begin the file with the names of its columns")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Failure(f"{path} names the column {twice[0]} twice", fix="leave one of them")
        return names

    def rows(self, file: BinaryIO, header: list[str]) -> Iterator[Record | Refused]:
        """See `Lines.rows`."""
        for cells in self.cells(file):
            if isinstance(cells, Refused):
                yield cells
            elif len(cells) != len(header):
                yield Refused(f"{len(cells)} cells, and the header has {len(header)}")
            else:
                yield dict(zip(header, cells, strict=True))

    def cells(self, file: BinaryIO) -> Iterator[list[str] | Refused]:
        """Rows as they stand there, without empty lines; after a broken one the next line is tried."""
        faults: list[str] = []
        reader = csv.reader(fed(file, faults), strict=True)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                faults.append(f"not CSV: {error}")
            if faults or row:
                yield Refused(faults[0]) if faults else row
            faults.clear()


def fed(file: BinaryIO, faults: list[str]) -> Iterator[str]:
    """Lines for `csv`; one that cannot be decoded is passed on empty, and its fault noted for the row it is of."""
    for line in lines(file):
        try:
            yield decoded(line)
        except Unusable as error:
            faults.append(str(error))
            yield "\n"


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends; of one that is longer than `LONGEST` the first `LONGEST + 1` bytes."""
    while line := file.readline(LONGEST + 1):
        rest = line
        while len(line) > LONGEST and rest and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST)
        yield line


def decoded(line: bytes) -> str:
    """A line as text.

    Raises:
        Unusable: it is too long, or not UTF-8.
    """
    if len(line) > LONGEST:
        raise Unusable(f"longer than {LONGEST >> 20} MiB")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Unusable(f"not UTF-8: byte {error.start + 1} of the line") from None


def object_of(line: str) -> Record:
    """A line of JSON.

    Raises:
        Unusable: it is none, or no object.
    """
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Unusable(f"not JSON: column {error.colno}" if line.strip() else "the line is empty") from None
    if not isinstance(record, dict):
        raise Unusable(f"a {type(record).__name__}, not an object")
    return record


def pass_byte_order_mark(file: BinaryIO) -> None:
    """Leave the file behind the mark that some editors begin with."""
    if file.read(len(BOM_UTF8)) != BOM_UTF8:
        file.seek(0)
