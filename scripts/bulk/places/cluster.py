"""On a Ray cluster: Ray Data's pool of actors, each with the archive open, grows with what waits and survives nodes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from scripts.bulk import engines, extras, work
from scripts.bulk.job import Block, Done, Recipe
from scripts.bulk.places.processes import sayable
from scripts.bulk.rows import Record, Refused
from scripts.console import Failure
from scripts.paths import ROOT

MODULES = [str(ROOT / name) for name in ("handler", "scripts", "client/bert_client")]
"""Packages that Ray brings to nodes."""
PIECES = 10_000
"""Most tasks that Ray is given; with more blocks, a task has several."""

NEEDS: dict[str, dict[str, int]] = {"cpu": {"num_cpus": 1}, "gpu": {"num_cpus": 1, "num_gpus": 1}}
"""What an actor takes of its node, by the device; of several GPUs it sees its own alone, as the first."""


class Actor:
    """What runs on a node, with a core each, or a core and a GPU: the archive, for as long as there are blocks."""

    def __init__(self, archive: str, device: str, recipe: Recipe | None = None, folder: str = "") -> None:
        self.stack = ExitStack()
        self.engine = self.stack.enter_context(engines.opened(Path(archive), 1, device))
        self.recipe, self.folder = recipe, Path(folder)

    def identity(self) -> str:
        """Of the archive."""
        return self.engine.identity()

    def arithmetic(self) -> str:
        """Of the archive on this node."""
        return self.engine.arithmetic()

    def ask(self, task: str, body: Record) -> Any | Refused:
        """One request."""
        (answer,) = self.engine.answers(task, [body])
        return answer

    def __call__(self, block: dict[str, Any]) -> dict[str, Any]:
        """Write a block; what fails is told and not raised, since Ray would try it for ever."""
        assert self.recipe is not None
        try:
            done = work.process(self.engine, self.recipe, self.folder, Block(**block))
        except Exception as error:
            failure = sayable(error)
            return {"rows": 0, "bad": 0, "what": failure.what, "why": failure.why, "fix": failure.fix}
        return {**asdict(done), "what": "", "why": "", "fix": ""}


class Cluster:
    """See `Place`. The archive, the inputs and the folder have the same paths on all nodes.

    Args:
        address: of the cluster's head, or `auto`.
        archive: the `.mar`.
        device: `gpu` for a GPU per actor; else they compute on CPUs.
    """

    def __init__(self, address: str, archive: Path, device: str | None = None) -> None:
        self.address, self.archive = address, archive
        self.needs = NEEDS[device or "cpu"]
        self.device = "cuda:0" if device == "gpu" else "cpu"
        self.ray = library("ray")
        self.probe: Any = None
        self.stdout = redirect_stdout(sys.stderr)  # where Ray says what became of nodes

    def __enter__(self) -> Self:
        self.stdout.__enter__()
        environment = {"py_modules": MODULES}
        try:
            self.ray.init(address=self.address, runtime_env=environment, log_to_driver=False, logging_level="WARNING")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise Failure(f"--ray {self.address}: {error}", fix="ray start --head, or another address") from None
        if "num_gpus" in self.needs and not self.ray.cluster_resources().get("GPU"):  # an actor would wait for ever
            raise Failure(f"--device gpu: no node of --ray {self.address} has a GPU", fix="leave --device out")
        self.probe = self.ray.remote(Actor).options(**self.needs).remote(str(self.archive), self.device)
        return self

    def __exit__(self, *_: object) -> None:
        self.ray.shutdown()
        self.stdout.__exit__(None, None, None)

    def identity(self) -> str:
        """See `Place.identity`."""
        return str(self.result(self.probe.identity.remote()))

    def arithmetic(self) -> str:
        """See `Place.arithmetic`: of one node, for which the others are taken to be like it."""
        return str(self.result(self.probe.arithmetic.remote()))

    def ask(self, task: str, body: Record) -> Any | Refused:
        """See `Place.ask`."""
        return self.result(self.probe.ask.remote(task, body))

    def result(self, pending: Any) -> Any:
        """Of a call of an actor.

        Raises:
            Failure: its node could not open the archive.
        """
        try:
            return self.ray.get(pending)
        except self.ray.exceptions.RayError as error:
            fix = f"see that every node has {self.archive} and the packages of requirements.txt"
            raise Failure(f"no node of --ray {self.address} could open the archive", fix=fix, why=str(error)) from None

    def run(self, recipe: Recipe, folder: Path, blocks: Iterable[Block]) -> Iterator[Done]:
        """See `Place.run`."""
        self.probe = None  # its core is the pool's now
        data = library("ray.data")
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # the run shows its own progress
        data.DataContext.get_current().enable_progress_bars = False
        items = [asdict(block) for block in blocks]
        if not items:
            return
        written = data.from_items(items, override_num_blocks=min(len(items), PIECES)).map(
            Actor,
            fn_constructor_args=(str(self.archive), self.device, recipe, str(folder.resolve())),
            compute=data.ActorPoolStrategy(min_size=1, max_size=None),
            **self.needs,
        )
        try:
            for row in written.iter_rows():
                if row["what"]:
                    raise Failure(row["what"], fix=row["fix"], why=row["why"])
                yield Done(row["rows"], row["bad"])
        except (self.ray.exceptions.RayError, ConnectionError, RuntimeError) as error:
            fix = "the same command again goes on, once the cluster can compute"
            raise Failure(f"--ray {self.address}: {type(error).__name__}", fix=fix, why=str(error)) from None


def library(name: str) -> Any:
    """A module of Ray, which is an extra.

    Raises:
        Failure: it is not installed.
    """
    return extras.module(name, "--ray", "Ray", "ray")
