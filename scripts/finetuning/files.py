"""CSV and JSON lines as records with their line numbers; bad lines become one failure that names them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from scripts.console import Failure

Record = dict[str, Any]
T = TypeVar("T")
SHOWN = 10  # bad lines in one message


class BadLine(ValueError):
    """A line that cannot be used; its text says why."""


def records(file: Path) -> Iterator[tuple[int, Record]]:
    """Records of a `.csv` with a header, or of a `.jsonl`, each with the number of the line where it begins.

    Raises:
        Failure: another ending, not UTF-8, broken quoting, a row with too many or too few cells, not JSON.
    """
    if file.suffix.lower() not in READERS:
        raise Failure(f"{file} is neither {' nor '.join(READERS)}", fix="name the file after its format")
    return READERS[file.suffix.lower()](file, decoded(file))


def decoded(file: Path) -> str:
    """The file's text, without a byte order mark."""
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Failure(f"{file} line {line} is not UTF-8", fix="save the file as UTF-8") from None


def rows(file: Path, text: str) -> Iterator[tuple[int, Record]]:
    """Of a CSV; a quoted cell may hold newlines, empty rows are passed over."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))  # of the whole process
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            if header and cells:
                if len(cells) != len(header):
                    clash = f"{file} line {line} has {len(cells)} cells, the header has {len(header)}"
                    raise Failure(clash, fix="put texts with commas or quotes into double quotes")
                yield line, dict(zip(header, cells, strict=True))
            header = header or columns(file, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise Failure(f"{file} line {line}: {error}", fix='quote texts with ", and write " inside them as ""') from None


def columns(file: Path, cells: list[str]) -> list[str]:
    """Names of a header.

    Raises:
        Failure: one stands there twice, or they are separated by something else than commas.
    """
    names = [name.strip() for name in cells]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise Failure(f"{file} line 1 names the column {twice[0]} twice", fix="leave one of them")
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise Failure(f"{file} line 1 is one column: {names[0]}", fix="separate columns with commas")
    return names


def objects(file: Path, text: str) -> Iterator[tuple[int, Record]]:
    """Of JSON lines; empty lines are passed over."""
    for line, content in enumerate(text.split("\n"), 1):
        if content.strip():
            try:
                record = json.loads(content)
            except (ValueError, RecursionError) as error:
                raise Failure(f"{file} line {line} is not JSON: {error}", fix="one JSON object per line") from None
            if not isinstance(record, dict):
                raise Failure(f"{file} line {line} is a {type(record).__name__}", fix="one JSON object per line")
            yield line, record


READERS: dict[str, Callable[[Path, str], Iterator[tuple[int, Record]]]] = {".csv": rows, ".jsonl": objects}


def parse(file: Path, found: Iterable[tuple[int, Record]], one: Callable[[int, Record], T]) -> list[T]:
    """Each record as an example.

    Raises:
        Failure: no record at all, or some that cannot be used; the first is in `what`, others in `why`.
    """
    parsed, bad = [], []
    for line, record in found:
        try:
            parsed.append(one(line, record))
        except BadLine as error:
            bad.append(f"line {line}: {error}")
    if bad:
        more = [f"and {len(bad) - SHOWN} more lines"] if len(bad) > SHOWN else []
        raise Failure(f"{file} {bad[0]}", why="\n".join(bad[1:SHOWN] + more), fix="correct these lines, or remove them")
    if not parsed:
        raise Failure(
            f"{file} holds no labelled examples", fix="a header and one line per text, or one JSON object per line"
        )
    return parsed


def check_surrogates(key: str, text: str) -> None:
    """Refuse half of a character that JSON writes in two.

    Raises:
        BadLine: it holds one.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadLine(f"{key} holds half of a character that JSON writes in two")


def text_of(record: Record, key: str) -> str:
    """A text that must be there.

    Raises:
        BadLine: no such key, no string, nothing but white space.
    """
    if key not in record:
        raise BadLine(f"no {key}; there is {', '.join(record)}")
    if not isinstance(record[key], str):
        raise BadLine(f"{key} is a {type(record[key]).__name__}, not a text")
    if not record[key].strip():
        raise BadLine(f"{key} is empty")
    check_surrogates(key, record[key])
    return str(record[key])
