"""Which workers of this server compute right now, and so how many threads each of them should use.

Two threads that wait for each other while a third holds their core lose far more than a third: on two cores, two
workers of two threads each answered ten times fewer requests than with one thread each. But a lone request on an idle
machine is answered sooner by all cores. So a worker shares the cores with those that are busy when it begins a batch.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from handler.cores import cores
from handler.locks import WAITING, drain_notes, is_refusing
from handler.other_workers import OtherWorkers
from handler.share import Share, write


class WorkerRegistry:
    """A lock file per worker, held while it computes; `bert stop` reads them too.

    Args:
        model: name of the model; its workers share one queue.
        folder: of the lock files; None where TorchServe was started by other means, and nothing is known of the others.
        threads: a fixed number of threads, or 0 to share the cores.
        expected: workers the archive starts with, among which the cores are shared while `folder` is None.
    """

    def __init__(self, model: str, folder: Path | None, threads: int, expected: int) -> None:
        self.folder = folder
        self.model = model
        self.fixed = threads or (0 if folder else max(1, cores() // expected))
        self.name = f"{model}.{os.getpid()}"
        self.lock = create(folder / self.name) if folder else None
        self.others = OtherWorkers(folder, folder / self.name) if folder else None
        self.share = None if self.lock is None or self.fixed else Share(self.lock)

    def is_refusing(self) -> bool:
        """Whether this server is being stopped, and what comes now is not accepted any more."""
        return self.folder is not None and is_refusing(self.folder)

    @contextmanager
    def acquire_threads(self, requests: int) -> Iterator[int]:
        """Hold this worker's lock; the value is the number of threads to compute with where they are not `share`'s.

        A batch of several requests means that more are waiting: all workers of the model will be busy in a moment, and
        the cores are shared among all of them. Who has a share needs no such guess: others that begin write there.
        """
        if self.lock is None or self.others is None:
            yield self.fixed
            return
        if self.share:
            self.share.threads.value = cores()  # before the lock: others write there from then on
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            yield self.fixed or self.fair_threads(requests, self.others)
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)
            if self.share:
                left = self.others.computing()
                divide_cores(left.values(), len(left))

    def wait_if_draining(self) -> None:
        """If `bert scale` has asked this worker to leave, wait here for its end; go on if `bert scale` is gone first.

        Called on a request that asks TorchServe to describe a worker: it has a batch to itself, so nobody else waits.
        """
        if self.folder is None:
            return
        try:
            note = (drain_notes(self.folder) / self.name).open("r+b", buffering=0)
        except FileNotFoundError:
            return
        with note:
            note.write(WAITING)
            fcntl.flock(note, fcntl.LOCK_EX)

    def fair_threads(self, requests: int, others: OtherWorkers) -> int:
        """An equal share of the cores; those that compute now get no more than one, too."""
        beside = others.computing()
        if self.share:
            divide_cores(beside.values(), 1 + len(beside))
            self.share.threads.value = min(self.share.threads.value, max(1, cores() // (1 + len(beside))))
        siblings = others.of_model(self.model) if requests > 1 else []
        return max(1, cores() // (1 + len({*beside, *siblings})))


def create(file: Path) -> int:
    """Descriptor of a new lock file; a dead worker's of this id goes first, so that others see the folder change."""
    file.unlink(missing_ok=True)
    return os.open(file, os.O_CREAT | os.O_RDWR, 0o600)


def divide_cores(files: Collection[int], among: int) -> None:
    """Give workers that compute an equal share each, by the descriptors of their lock files."""
    for file in files:
        write(file, max(1, cores() // among))
