"""Which workers of this server compute right now, and so how many threads each of them should use.

Two threads that wait for each other while a third holds their core lose far more than a third: on two cores, two
workers of two threads each answered ten times fewer requests than with one thread each. But a lone request on an idle
machine is answered sooner by all cores. So a worker shares the cores with those that are busy when it begins a batch.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handler.cores import cores

WAITING = b"waiting"
"""What a worker writes on the note that asks it to leave, once it works on nothing."""


class Workers:
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
        self.lock = os.open(folder / self.name, os.O_CREAT | os.O_RDWR, 0o600) if folder else None

    @contextmanager
    def busy(self, requests: int) -> Iterator[int]:
        """Hold this worker's lock; the value is the number of threads to compute with.

        A batch of several requests means that more are waiting: all workers of the model will be busy in a moment, and
        the cores are shared among all of them.
        """
        if self.lock is None:
            yield self.fixed
            return
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            yield self.fixed or max(1, cores() // self.sharers(requests))
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)

    def leave(self) -> None:
        """If `bert scale` has asked this worker to leave, wait here for its end; go on if `bert scale` is gone first.

        Called on a request that asks TorchServe to describe a worker: it has a batch to itself, so nobody else waits.
        """
        if self.folder is None:
            return
        try:
            note = (leaving(self.folder) / self.name).open("r+b", buffering=0)
        except FileNotFoundError:
            return
        with note:
            note.write(WAITING)
            fcntl.flock(note, fcntl.LOCK_EX)

    def sharers(self, requests: int) -> int:
        """Workers among which the cores are to be shared."""
        assert self.folder is not None
        kin = locks(self.folder, self.model) if requests > 1 else []
        others = [file for file in self.folder.iterdir() if file.name != self.name]
        return 1 + sum(file in kin or held(file) for file in others)


def leaving(folder: Path) -> Path:
    """Where `bert scale` leaves a note for each worker that is to leave, beside the folder of the locks."""
    return folder.with_name("leaving")


def locks(folder: Path, model: str) -> list[Path]:
    """Lock files of a model's living workers."""
    names = ((file, *file.name.rpartition(".")) for file in folder.iterdir())
    return [file for file, owner, _, pid in names if owner == model and alive(int(pid))]


def alive(pid: int) -> bool:
    """Whether a process has that id; lock files of workers that ended stay behind."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def held(file: Path) -> bool:
    """Whether somebody holds the lock."""
    try:
        with file.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False
