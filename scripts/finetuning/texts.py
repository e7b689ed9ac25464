"""Data of text-classification: a text, perhaps a second one, and a label."""

from __future__ import annotations

from pathlib import Path

from scripts.console import Failure
from scripts.finetuning.examples import Labelled
from scripts.finetuning.files import BadLine, Record, check_surrogates, parse, records, text_of

PAIR = "text_pair"


def read(file: Path, text_column: str | None, label_column: str | None) -> list[Labelled]:
    """Labelled texts; columns are `text`, `label` and perhaps `text_pair`, others are passed over.

    Raises:
        Failure: a column is missing, or a line cannot be used.
    """
    text, label = text_column or "text", label_column or "label"
    found = list(records(file))
    there = {key for _, record in found for key in record}
    for column, option in ((text, "--text-column"), (label, "--label-column")):
        if found and column not in there:
            raise Failure(
                f"{file} line 1: no column {column}; there is {', '.join(sorted(there))}", fix=f"{option} NAME"
            )

    def one(line: int, record: Record) -> Labelled:
        pair = text_of(record, PAIR) if PAIR in there and text != PAIR else None
        return Labelled(line, text_of(record, text), pair, label_of(record, label))

    return parse(file, found, one)


def label_of(record: Record, key: str) -> str:
    """A label: a word, or a whole number, which JSON may hold.

    Raises:
        BadLine: there is none.
    """
    value = record.get(key)
    if isinstance(value, bool | float | list | dict):
        raise BadLine(f"{key} is a {type(value).__name__}, not a word")
    if value is None or not str(value).strip():
        raise BadLine(f"{key} is missing")
    check_surrogates(key, str(value))
    return str(value).strip()
