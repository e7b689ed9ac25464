"""On this machine: a process per core, each with the archive open; its weights are mapped, and in memory once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

from handler.cores import cores
from scripts.bulk import engines, work
from scripts.bulk.engines import Engine
from scripts.bulk.job import Block, Recipe
from scripts.bulk.places.processes import Workers
from scripts.bulk.rows import Record, Refused
from scripts.bulk.work import Done


class Local:
    """See `Place`.

    Args:
        archive: the `.mar`.
        processes: how many; 0 for one per core.
        threads: of each.
    """

    def __init__(self, archive: Path, processes: int = 0, threads: int = 1) -> None:
        self.workers = Workers(partial(engines.opened, archive, threads), processes or max(1, cores() // threads))

    def __enter__(self) -> Self:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait leave the cores to others
        self.workers.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.workers.__exit__()

    def identity(self) -> str:
        """See `Place.identity`."""
        return str(self.workers.call(identity))

    def ask(self, task: str, body: Record) -> Any | Refused:
        """See `Place.ask`."""
        return self.workers.call(ask, task, body)

    def run(self, recipe: Recipe, folder: Path, blocks: Iterable[Block]) -> Iterator[Done]:
        """See `Place.run`."""
        return self.workers.map(work.process, ((recipe, folder, block) for block in blocks))


def identity(engine: Engine) -> str:
    """Of what a process holds open."""
    return engine.identity()


def ask(engine: Engine, task: str, body: Record) -> Any | Refused:
    """One request to what a process holds open."""
    (answer,) = engine.answers(task, [body])
    return answer
