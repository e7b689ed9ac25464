"""Files of cells: `.csv` and `.tsv` as records; their delimiter is what the header has."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from scripts.bulk.columns import check_distinct
from scripts.bulk.lines import LONGEST, Header, Lines, Unusable, decoded, lines, pass_byte_order_mark
from scripts.bulk.rows import Record, Refused
from scripts.console import Failure

csv.field_size_limit(LONGEST)


class Delimited(Lines):
    """Cells under a header; a quoted cell may hold newlines.

    Args:
        delimiters: of which a file has the first that makes more than one column of its header.
    """

    def __init__(self, *delimiters: str) -> None:
        self.delimiters = delimiters

    def header(self, file: BinaryIO, path: Path) -> Header:
        """See `Lines.header`."""
        pass_byte_order_mark(file, path)
        begin = file.tell()
        for delimiter in (*self.delimiters, self.delimiters[0]):  # the first again where there is a single column
            file.seek(begin)
            names = next(cells(file, delimiter), [])
            if isinstance(names, list) and len(names) > 1:
                break
        if isinstance(names, Refused):
            raise Failure(f"{path}, header: {names.reason}", fix="begin it with the names of its columns, in UTF-8")
        check_distinct(path, names)
        return Header(names, delimiter)

    def rows(self, file: BinaryIO, header: Header) -> Iterator[Record | Refused]:
        """See `Lines.rows`."""
        for row in cells(file, header.delimiter):
            if isinstance(row, Refused):
                yield row
            elif len(row) != len(header.names):
                yield Refused(f"{len(row)} cells, and the header has {len(header.names)}")
            else:
                yield dict(zip(header.names, row, strict=True))


class Fed:
    """Lines for `csv`, which begins a row by `begin`.

    Attributes:
        lines: how many the row has taken.
        fault: of one that cannot be decoded, which is passed on empty.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.begin()

    def begin(self) -> None:
        """Count from here on."""
        self.lines, self.bytes, self.second, self.fault = 0, 0, 0, ""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(lines(self.file))
        self.lines, self.bytes = self.lines + 1, self.bytes + len(line)
        if self.lines == 1:
            self.second = self.file.tell()
        elif self.bytes > LONGEST:
            raise csv.Error(f"longer than {LONGEST >> 20} MiB")
        try:
            return decoded(line)
        except Unusable as error:
            self.fault = self.fault or str(error)
            return "\n"

    def broken(self, error: csv.Error) -> Refused:
        """Go back to the second line of a row that is none: a quote that nobody closes may have taken good ones."""
        if self.lines == 1:
            return Refused(f"not CSV: {error}")
        self.file.seek(self.second)
        further = f"{self.lines - 1} lines further on" if self.lines > 2 else "on the next line"
        return Refused(f"not CSV: {error}, {further}; what comes after this line is read as rows of its own")


def cells(file: BinaryIO, delimiter: str) -> Iterator[list[str] | Refused]:
    """Rows as they stand there, without empty lines; after a broken one the next line is tried."""
    fed = Fed(file)
    reader = csv.reader(fed, strict=True, delimiter=delimiter)
    while True:
        fed.begin()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield fed.broken(error)
        else:
            if fed.fault or row:
                yield Refused(fed.fault) if fed.fault else row
