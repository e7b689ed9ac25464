"""Files of lines: `.txt` and `.jsonl` as records, read from any row whose place is known."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from scripts.bulk.rows import Record, Refused, described
from scripts.console import Failure

LONGEST = 16 << 20
"""Bytes of a line or a cell; what is longer is refused, so that no file can fill the memory."""
TEXT = "text"
"""The one column of a `.txt`."""

LONG = re.compile("[0-9]{19}")
"""What is in any line that has an integer beyond 64 bits."""
BITS = range(-(2**63), 2**64)
"""Integers that `orjson` reads as such; it makes floats of others."""
MARKS = (BOM_UTF16_LE, BOM_UTF16_BE)


class Header(NamedTuple):
    """What a file begins with: names of its columns, and what stands between them."""

    names: list[str]
    delimiter: str = ""


class Unusable(Exception):
    """A line that cannot be used; its text says why."""


class Lines(ABC):
    """A format whose rows are lines. `header` leaves the file at the first row, which `rows` goes on from."""

    @abstractmethod
    def header(self, file: BinaryIO, path: Path) -> Header:
        """Names of the columns, where the file begins with them.

        Raises:
            Failure: they cannot be read.
        """

    @abstractmethod
    def rows(self, file: BinaryIO, header: Header) -> Iterator[Record | Refused]:
        """Each row, without reading ahead: `file.tell()` is then the place of the next one."""

    def read(self, path: Path, place: int, count: int) -> Iterator[Record | Refused]:
        """`count` rows from a place on."""
        with path.open("rb") as file:
            header = self.header(file, path)
            file.seek(place)
            yield from islice(self.rows(file, header), count)


class Text(Lines):
    """`.txt`: a text a line."""

    def header(self, file: BinaryIO, path: Path) -> Header:
        """See `Lines.header`."""
        pass_byte_order_mark(file, path)
        return Header([TEXT])

    def rows(self, file: BinaryIO, header: Header) -> Iterator[Record | Refused]:
        """See `Lines.rows`."""
        for line in lines(file):
            try:
                yield {TEXT: decoded(line).removesuffix("\n").removesuffix("\r")}
            except Unusable as error:
                yield Refused(str(error))


class Jsonl(Lines):
    """`.jsonl`: an object a line; columns are those of all objects."""

    def header(self, file: BinaryIO, path: Path) -> Header:
        """See `Lines.header`."""
        pass_byte_order_mark(file, path)
        return Header([])

    def rows(self, file: BinaryIO, header: Header) -> Iterator[Record | Refused]:
        """See `Lines.rows`."""
        for line in lines(file):
            try:
                yield object_of(decoded(line))
            except Unusable as error:
                yield Refused(str(error))


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
    """A line of JSON; integers beyond 64 bits are `orjson.Fragment`s of their digits, and written as they were.

    Raises:
        Unusable: it is none, or no object.
    """
    try:
        record = orjson.loads(line)
        if LONG.search(line):
            record = json.loads(line, parse_int=exact)
    except orjson.JSONDecodeError as error:
        raise Unusable(f"not JSON: {wrong(error)}" if line.strip() else "the line is empty") from None
    except RecursionError:
        raise Unusable("lists and objects lie too deep in each other") from None
    if not isinstance(record, dict):
        raise Unusable(f"{described(record)}, not an object")
    return record


def exact(digits: str) -> int | orjson.Fragment:
    """An integer of JSON."""
    return int(digits) if len(digits) <= 20 and int(digits) in BITS else orjson.Fragment(digits)


def wrong(error: orjson.JSONDecodeError) -> str:
    """Where a line is no JSON; of one that is cut off `orjson` names its beginning."""
    return "it ends too early" if "end of data" in error.msg else f"column {error.colno}"


def pass_byte_order_mark(file: BinaryIO, path: Path) -> None:
    """Leave the file behind the mark that some editors begin with.

    Raises:
        Failure: it is that of UTF-16.
    """
    mark = file.read(len(BOM_UTF8))
    if mark.startswith(MARKS):
        raise Failure(f"{path} is UTF-16, not UTF-8", fix=f"iconv -f UTF-16 -t UTF-8 {path} > ANOTHER{path.suffix}")
    if mark != BOM_UTF8:
        file.seek(0)
