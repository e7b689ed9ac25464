"""On this machine: a process per core, each with the archive open; its weights are mapped, and in memory once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

from handler.cores import cores
from scripts.bulk import engines, work
from scripts.bulk.engines import Engine
from scripts.bulk.job import Block, Done, Recipe
from scripts.bulk.places.processes import Workers
from scripts.bulk.rows import Record, Refused
from scripts.server import devices


class Local:
    """See `Place`.

    Args:
        archive: the `.mar`.
        processes: how many; 0 for one per GPU that is used, or else one per core.
        device: `cpu` or `gpu`; None for GPUs where there are any.
    """

    def __init__(self, archive: Path, processes: int = 0, device: str | None = None) -> None:
        gpus = devices.usable(device)
        used = [f"cuda:{number}" for number in range(gpus)] or ["cpu"]
        count = processes or gpus or cores()
        self.workers = Workers([partial(engines.opened, archive, 1, used[n % len(used)]) for n in range(count)])

    def __enter__(self) -> Self:
        self.workers.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.workers.__exit__()

    def identity(self) -> str:
        """See `Place.identity`."""
        return str(self.workers.call(identity))

    def arithmetic(self) -> str:
        """See `Place.arithmetic`."""
        return str(self.workers.call(arithmetic))

    def ask(self, task: str, body: Record) -> Any | Refused:
        """See `Place.ask`."""
        return self.workers.call(ask, task, body)

    def run(self, recipe: Recipe, folder: Path, blocks: Iterable[Block]) -> Iterator[Done]:
        """See `Place.run`."""
        return self.workers.map(work.process, ((recipe, folder, block) for block in blocks))


def identity(engine: Engine) -> str:
    """Of what a process holds open."""
    return engine.identity()


def arithmetic(engine: Engine) -> str:
    """Of what a process holds open."""
    return engine.arithmetic()


def ask(engine: Engine, task: str, body: Record) -> Any | Refused:
    """One request to what a process holds open."""
    (answer,) = engine.answers(task, [body])
    return answer
