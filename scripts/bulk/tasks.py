"""Rows of a block through a task: the task's keys from columns, its answers beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.bulk.engines import Engine
from scripts.bulk.job import Block, Done, Recipe
from scripts.bulk.rows import INPUTS, Bad, Record, Refused, described
from scripts.bulk.writers import WRITERS, write_bad


def answer_rows(engine: Engine, recipe: Recipe, folder: Path, block: Block) -> Done:
    """Write a block's part, and first its bad rows; what is written depends on the recipe and the rows alone.

    Raises:
        Failure: nothing can be read, computed or written now.
    """
    content = block.read()
    asked = [request(recipe, record) for record in content.records(recipe.columns.values())]
    answers = asked_of(engine, recipe.task, asked)
    kept = [position for position, answer in enumerate(answers) if not isinstance(answer, Refused)]
    refused = [
        Bad(content.rows[position], answer.reason)
        for position, answer in enumerate(answers)
        if isinstance(answer, Refused)
    ]
    bad = [*content.bad, *refused]
    write_bad(folder, block, bad)
    WRITERS[recipe.form](recipe, recipe.part(folder, block), content, kept, [answers[position] for position in kept])
    return Done(block.rows, len(bad))


def request(recipe: Recipe, record: Record) -> Record | Refused:
    """A row's request, without asking anything."""
    body = {key: record.get(column) for key, column in recipe.columns.items()}
    for key, value in body.items():
        if value is None:
            return Refused(f"the column {recipe.columns[key]} has no value")
        if key == INPUTS and not isinstance(value, str):
            return Refused(f"the column {recipe.columns[key]} is {described(value)}, not a text")
    return body | recipe.options


def asked_of(engine: Engine, task: str, asked: list[Record | Refused]) -> list[Any]:
    """Answers, in order; the engine gets requests by length, since those of about one length are computed together."""
    sound = [(position, body) for position, body in enumerate(asked) if not isinstance(body, Refused)]
    sound.sort(key=lambda each: length(each[1]))
    answers: list[Any] = list(asked)
    found = engine.answers(task, [body for _, body in sound])
    for (position, body), answer in zip(sound, found, strict=True):
        answers[position] = answer[0] if INPUTS in body and not isinstance(answer, Refused) else answer
    return answers


def length(body: Record) -> int:
    """About how long a request is."""
    return sum(len(value) for value in body.values() if isinstance(value, str))
