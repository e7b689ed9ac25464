"""A run as it is written down: what is read, what is asked, what is written; and the blocks it is cut into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from scripts.bulk import formats
from scripts.bulk.columns import Kinds
from scripts.bulk.content import Content
from scripts.bulk.inputs import Input, check
from scripts.bulk.rows import PART

Form = Literal["npy", "parquet", "jsonl", "openai-batch"]
"""Formats of results: see `writers`, and `openai_batch`."""
DIGITS = 5
"""Of a part's number, at least."""
READING = 2
"""Raised when files are cut into rows in another way: 1 passes over empty lines of a CSV, 2 goes on
behind the first line of a broken row."""
ENDINGS: dict[Form, str] = {"npy": "npy", "parquet": "parquet", "jsonl": "jsonl", "openai-batch": "jsonl"}


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that are computed and written together; all are of one file.

    Attributes:
        number: of its part, from 0.
        path, size, mtime_ns: its file, see `Input`.
        place: where it begins, see `Survey.places`.
        first: number of its first row in the file, from 1.
        rows: how many.
        digits: of numbers in names of files, so that their order is that of the numbers.
    """

    number: int
    path: str
    size: int
    mtime_ns: int
    place: int
    first: int
    rows: int
    digits: int = DIGITS

    @property
    def label(self) -> str:
        """What names of its files have after `part-` or `bad-`."""
        return f"{self.number:0{self.digits}}"

    def read(self) -> Content:
        """Its rows.

        Raises:
            Failure: the file was changed.
        """
        path = Path(self.path)
        check(path, self.size, self.mtime_ns)
        content = formats.of(path).read(path, self.place, self.first, self.rows)
        check(path, self.size, self.mtime_ns)
        return content


@dataclass(frozen=True, slots=True)
class Done:
    """A block that is written: how many rows it had, and how many of them were bad."""

    rows: int
    bad: int


class Recipe(Struct, frozen=True):
    """What is made of each row.

    Attributes:
        task: what is asked.
        columns: keys of a request, and the column that each is taken from.
        options: further keys, the same for all rows.
        form: of the parts.
        answer: column of the answer.
        dimensions: length of an answer that is a vector; 0 for others.
        kinds: columns of the inputs that are files of lines.
    """

    task: str
    columns: dict[str, str]
    options: dict[str, Any]
    form: Form
    answer: str
    dimensions: int
    kinds: Kinds

    def part(self, folder: Path, block: Block) -> Path:
        """The file whose being there says that a block is done."""
        return folder / f"{PART}-{block.label}.{ENDINGS[self.form]}"


class Job(Struct, frozen=True):
    """Everything that a result depends on: a folder holds parts of one job, whoever computes them.

    Attributes:
        model: identity of what answers.
        recipe: what it is asked.
        block: most rows of a part.
        inputs: the files.
        reading: how rows were told apart when the files were looked through, see `READING`.
        arithmetic: see `Engine.arithmetic`; empty for a folder that an earlier version began.
    """

    model: str
    recipe: Recipe
    block: int
    inputs: list[Input]
    reading: int = 0
    arithmetic: str = ""

    @property
    def rows(self) -> int:
        """Of all inputs, bad ones among them."""
        return sum(each.survey.rows for each in self.inputs)

    @property
    def digits(self) -> int:
        """See `Block.digits`."""
        return max(DIGITS, len(str(sum(len(each.survey.places) for each in self.inputs) - 1)))

    def blocks(self) -> Iterator[Block]:
        """All of them, in order."""
        number, digits = 0, self.digits
        for file in self.inputs:
            for before, place in enumerate(file.survey.places):
                done = before * self.block
                rows = min(self.block, file.survey.rows - done)
                yield Block(number, file.path, file.size, file.mtime_ns, place, done + 1, rows, digits)
                number += 1


def clashes(before: Job, now: Job) -> list[str]:
    """In what a job differs from the one that a folder was begun with; nothing where it goes on."""
    old, new = settings(before), settings(now if before.arithmetic else replace(now, arithmetic=""))
    found = [f"{name} was {old[name]} and is {new[name]}" for name in old if old[name] != new[name]]
    recut = before.reading != now.reading and before.block == now.block
    files = differing({each.path: each for each in before.inputs}, {each.path: each for each in now.inputs}, recut)
    return found + list(files)


def settings(job: Job) -> dict[str, str]:
    """What is compared, as JSON."""
    recipe = msgspec.to_builtins(job.recipe)
    del recipe["kinds"]  # follow from the inputs
    everything = {"model": job.model, "arithmetic": job.arithmetic, **recipe, "block_rows": job.block}
    return {name: msgspec.json.encode(value).decode() for name, value in everything.items()}


def differing(old: Mapping[str, Input], new: Mapping[str, Input], recut: bool) -> Iterator[str]:
    """What became of the files; the time of the last change alone is nothing.

    Args:
        old: by path.
        new: by path.
        recut: whether another version, with the same rows per block, has told their rows apart.
    """
    for path in sorted(old.keys() | new.keys()):
        if path not in new:
            yield f"{path} was an input and is none"
        elif path not in old:
            yield f"{path} is an input and was none"
        elif old[path].sha256 != new[path].sha256:
            yield f"{path} had {old[path].size} bytes and has {new[path].size}, with another content"
        elif recut and cut(old[path]) != cut(new[path]):
            rows = f"{path} had {old[path].survey.rows} rows and has {new[path].survey.rows}"
            yield f"{rows}, as this version tells rows apart in another way"
    if old.keys() == new.keys() and list(old) != list(new):
        yield "the inputs were in another order"


def cut(file: Input) -> tuple[int, list[int]]:
    """How a file was cut into rows and blocks."""
    return file.survey.rows, file.survey.places
