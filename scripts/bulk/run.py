"""A whole run: look through the inputs, agree with what the folder was begun with, compute what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from scripts.bulk import inputs
from scripts.bulk.atomic import alone, atomic
from scripts.bulk.columns import union
from scripts.bulk.inputs import Input
from scripts.bulk.job import DIGITS, READING, Form, Job, Recipe, clashes
from scripts.bulk.places.base import Place
from scripts.bulk.progress import shown
from scripts.bulk.rows import BAD, INPUTS, PART, Record, Refused
from scripts.bulk.tasks import request
from scripts.console import Failure, err
from scripts.files import space

MANIFEST = "manifest.json"
"""The job that a folder holds parts of."""
ROOM = "make room there, then the same command again: it goes on where it was"
SAMPLE = "a text that any model can read"
"""What is asked before any row is, where a request has a text alone."""
FIRST_ROWS = 16
"""Rows that are tried instead where it has several columns, of which none but the user knows what they hold."""


class Order(Struct, frozen=True):
    """What a user wants, before anything was looked at.

    Attributes:
        files: the inputs.
        folder: where parts go.
        task, columns, options, form: see `Recipe`.
        answer: column of the answer; empty for the task's name.
        block: most rows of a part.
    """

    files: list[Path]
    folder: Path
    task: str
    columns: dict[str, str]
    options: dict[str, Any]
    form: Form
    answer: str
    block: int


class Summary(Struct, frozen=True):
    """What a folder holds once it is whole.

    Attributes:
        rows: of all inputs.
        bad: how many of them have no answer; they are in files `bad-*.jsonl`.
        parts: files with the others.
        computed: rows that this call computed, the others were there.
    """

    rows: int
    bad: int
    parts: int
    computed: int


def run(order: Order, place: Place) -> Summary:
    """Compute every block that the folder lacks.

    Raises:
        Failure: nothing can be read or computed, or the folder holds parts of something else.
    """
    with alone(order.folder), space.explained(ROOM, order.folder), place:
        job = agreed(order, place)
        widen(order.folder, job.digits)
        blocks = list(job.blocks())
        missing = [block for block in blocks if not job.recipe.part(order.folder, block).exists()]
        there = job.rows - sum(block.rows for block in missing)
        if there:
            err.print(f"{there:,} of {job.rows:,} rows are in {order.folder} already")
        with shown(there, job.rows) as progress:
            for done in place.run(job.recipe, order.folder, missing):
                progress.advance(done.rows)
        return Summary(job.rows, bad_rows(order.folder), len(blocks), job.rows - there)


def agreed(order: Order, place: Place) -> Job:
    """The job, which is the one that the folder was begun with, if it was.

    Raises:
        Failure: it is not.
    """
    before = begun(order.folder)
    same = before and before.block == order.block and before.reading == READING
    known = {each.path: each for each in before.inputs} if before and same else {}
    paths = outside(order.files, order.folder)
    with shown(0, sum(path.stat().st_size for path in paths), "bytes") as progress:
        files = [inputs.look(path, order.block, known, progress.advance) for path in paths]
    check_columns(order, files)
    recipe = Recipe(
        order.task,
        order.columns,
        order.options,
        order.form,
        order.answer or order.task,
        dimensions(order, place, files),
        union(each.survey.kinds for each in files),
    )
    job = Job(place.identity(), recipe, order.block, files, READING, place.arithmetic())
    differences = clashes(before, job) if before else []
    if differences:
        raise Failure(
            f"{order.folder} was begun with something else: {'; '.join(differences)}",
            fix="call it as before, or name another --out",
        )
    if before is None:
        with atomic(order.folder / MANIFEST) as file:
            file.write(msgspec.json.format(msgspec.json.encode(job)))
    return job


def begun(folder: Path) -> Job | None:
    """The job that a folder was begun with.

    Raises:
        Failure: the folder holds something else.
    """
    manifest = folder / MANIFEST
    if not manifest.exists():
        if any(folder.iterdir()):
            raise Failure(f"{folder} is not empty and has no {MANIFEST}", fix="name another --out")
        return None
    try:
        return msgspec.json.decode(manifest.read_bytes(), type=Job)
    except msgspec.MsgspecError as error:
        raise Failure(f"{manifest}: {error}", fix="it was written by another version; name another --out") from None


def outside(files: Sequence[Path], folder: Path) -> Sequence[Path]:
    """The inputs, none of which may be where parts are written.

    Raises:
        Failure: one is.
    """
    inside = [file for file in files if file.is_relative_to(folder.resolve())]
    if inside:
        raise Failure(f"{inside[0]} is an input and lies in --out {folder}", fix="name an --out beside the inputs")
    return files


def check_columns(order: Order, files: Sequence[Input]) -> None:
    """Refuse what no row can have, or what would be written over.

    Raises:
        Failure: a file lacks a column, or has one that is named as the answer.
    """
    answer = order.answer or order.task
    for file in files:
        for column in order.columns.values():
            if file.survey.names and file.survey.rows and column not in file.survey.names:  # else all rows are bad
                there = ", ".join(file.survey.names)
                raise Failure(f"{file.path} has no column {column}; it has: {there}", fix="name it with --column")
        if answer in file.survey.names:
            raise Failure(f"{file.path} has a column {answer} already", fix="name the answer with --answer-column")


def dimensions(order: Order, place: Place, files: Sequence[Input]) -> int:
    """Length of answers that are vectors, 0 for others; found by asking, so that what no row could do ends here.

    Raises:
        Failure: the task is not there, an option is wrong, or columns do not hold what it reads.
    """
    tried = list(samples(order, files))
    if not tried:  # OpenAI's requests, each of which names its task; or files without rows
        return 0
    answer = first_answer(place, order.task, tried)
    if isinstance(answer, Refused):
        raise Failure(f"{order.task}: {answer.reason}", fix="another --task, --column or --option")
    vector = isinstance(answer, np.ndarray) and answer.ndim == 2 and answer.dtype == np.float32
    if order.form == "npy" and not vector:
        raise Failure(f"answers of {order.task} are no vectors", fix="--format parquet or jsonl")
    return int(answer.shape[1]) if vector else 0


def first_answer(place: Place, task: str, tried: Sequence[Record | Refused]) -> Any | Refused:
    """The first answer to one of these requests, or why there is none; what a model says of one is told first."""
    complete = [body for body in tried if not isinstance(body, Refused)]
    refused: list[Refused] = []
    for body in complete:
        answer = place.ask(task, body)
        if not isinstance(answer, Refused):
            return answer
        refused.append(answer)
    return refused[0] if refused else tried[0]


def samples(order: Order, files: Sequence[Input]) -> Iterator[Record | Refused]:
    """Requests of which one has to be answered: of a text that has nothing wrong, or else of the first rows."""
    if list(order.columns) == [INPUTS]:
        yield {INPUTS: SAMPLE, **order.options}
    elif order.columns:
        recipe = Recipe(order.task, order.columns, order.options, order.form, order.answer, 0, {})
        blocks = Job("", recipe, order.block, list(files)).blocks()
        records = (record for block in blocks for record in block.read().records(order.columns.values()))
        yield from (request(recipe, record) for record in islice(records, FIRST_ROWS))


def widen(folder: Path, digits: int) -> None:
    """Rename files of a folder that an earlier version began: its numbers had five digits, however many there were."""
    for name in (PART, BAD) if digits > DIGITS else ():
        for file in folder.glob(f"{name}-{'[0-9]' * DIGITS}.*"):
            number = file.name.removeprefix(f"{name}-")
            file.rename(folder / f"{name}-{number.zfill(digits - DIGITS + len(number))}")


def bad_rows(folder: Path) -> int:
    """Rows without an answer."""
    return sum(file.read_bytes().count(b"\n") for file in folder.glob(f"{BAD}-*.jsonl"))
