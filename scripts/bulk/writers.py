"""Formats of results: how a block's part is written. Each file is whole or not there; the last one makes the part."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from scripts.bulk import arrow
from scripts.bulk.atomic import atomic
from scripts.bulk.content import Content
from scripts.bulk.job import Block, Form, Recipe
from scripts.bulk.rows import BAD, Bad, Record

Writer = Callable[[Recipe, Path, Content, list[int], Sequence[Any]], None]
"""Takes the recipe, the part's file, the rows, positions of those that were answered, and their answers."""


def json_line(record: Any) -> bytes:
    """A line of JSON; what it has no form for, such as a decimal of a Parquet file, is written as text."""
    return orjson.dumps(record, default=text_of, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def text_of(value: Any) -> str:
    """Of bytes their base64 (RFC 4648), as JSON has them elsewhere; of others how Python writes them."""
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


def write_lines(target: Path, records: Iterable[Record]) -> None:
    """Lines of JSON."""
    with atomic(target) as file:
        file.writelines(map(json_line, records))


def npy(recipe: Recipe, target: Path, content: Content, kept: list[int], answers: Sequence[Any]) -> None:
    """`(rows, dimensions)` float32, and the columns of these rows in a file of the same name that ends in `.jsonl`."""
    records = content.records()
    write_lines(target.with_suffix(".jsonl"), [records[position] for position in kept])
    with atomic(target) as file:
        np.save(file, stacked(recipe, answers))


def jsonl(recipe: Recipe, target: Path, content: Content, kept: list[int], answers: Sequence[Any]) -> None:
    """A line per row: its columns and its answer."""
    records = content.records()
    write_lines(target, [records[at] | {recipe.answer: answer} for at, answer in zip(kept, answers, strict=True)])


def parquet(recipe: Recipe, target: Path, content: Content, kept: list[int], answers: Sequence[Any]) -> None:
    """Columns and answers: a vector as a list of float32, any other answer as JSON, whose schema never varies."""
    library = arrow.module("pyarrow")
    if recipe.dimensions:
        column = library.FixedSizeListArray.from_arrays(stacked(recipe, answers).reshape(-1), recipe.dimensions)
    else:
        column = library.array([json_line(answer).decode().rstrip("\n") for answer in answers], library.string())
    table = content.table(kept, recipe.kinds).append_column(recipe.answer, column)
    with atomic(target) as file:
        arrow.module("pyarrow.parquet").write_table(table, file, compression="zstd")


WRITERS: dict[Form, Writer] = {"npy": npy, "parquet": parquet, "jsonl": jsonl}


def stacked(recipe: Recipe, answers: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """`(rows, dimensions)`."""
    return np.stack(answers) if answers else np.empty((0, recipe.dimensions), np.float32)


def write_bad(folder: Path, block: Block, bad: Sequence[Bad]) -> None:
    """The rows of a block that were refused, if any: `{"file", "row", "reason"}` each."""
    if bad:
        ordered = sorted(bad, key=lambda each: each.row)
        lines = [{"file": block.path, "row": each.row, "reason": each.reason} for each in ordered]
        write_lines(folder / f"{BAD}-{block.label}.jsonl", lines)
