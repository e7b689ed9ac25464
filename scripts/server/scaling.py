"""Changes the number of workers of a running model without losing what they work on.

TorchServe ends surplus workers at once: one thread puts their requests back into the queue while another, the
worker's own, wakes up and fails them with a 500 "Worker died.". Which comes first is chance, and where both touch the
list at once a request is forgotten and its client waits for ever. So a worker that is to leave is first given a request
of ours that it does not answer, a DESCRIBE, which TorchServe never batches with others: nobody else's is in its hands
when it ends. Where both touch that one at once, TorchServe answers 500: it has taken the worker off its list by then,
and has not come to the next one (`WorkLoadManager.modelChanged`), so it is told the number again. With none to be left
it would have forgotten all of them, so the last one goes by itself.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from handler.locks import WAITING, is_running, owner
from scripts.console import Failure
from scripts.server import holding, management, memory
from scripts.server.state import Server
from scripts.server.unix_http import Connection

POLL_SECONDS = 0.1
QUESTION_SECONDS = 30
"""Until a question is asked again: TorchServe may have lost it with a worker that died."""


def scale(server: Server, model: str, workers: int, timeout: float = 300, version: str | None = None) -> dict[str, Any]:
    """Change the number of workers and wait until just that many are ready, also when Java dies meanwhile.

    Args:
        server: a running server.
        model: name of the model.
        workers: how many there are to be.
        timeout: seconds.
        version: of the model; None for the one that answers by default.

    Raises:
        Failure: they would not fit into memory, or were not ready in time; `why` is the last traceback a worker left.
    """
    if "/" in model:
        raise Failure(f"{model} is no name of a model", fix="scripts/bert status shows what is served")
    with turn(server, model) as note:
        return Scaling(model, version, workers, note, monotonic() + timeout).run(server)


def restore(server: Server, model: str, timeout: float = 300) -> None:
    """Give a model whose Java was started again the number of workers that it had."""
    with turn(server, model) as note:
        workers = note.read_text()
        if workers:
            Scaling(model, None, int(workers), note, monotonic() + timeout).run(server)


@contextmanager
def turn(server: Server, model: str) -> Iterator[Path]:
    """One scaling of a model after the other; the value is the file with the number of its workers."""
    server.scaled.mkdir(parents=True, exist_ok=True)
    note = server.scaled / model
    with note.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield note


@dataclass(frozen=True, slots=True)
class Scaling:
    """One change of a number of workers, by the one whose turn it is."""

    model: str
    version: str | None
    workers: int
    note: Path
    deadline: float

    def run(self, server: Server) -> dict[str, Any]:
        """See `scale`."""
        while True:
            server = server.current()
            try:
                while not self.shrink_or_grow(server):
                    pass
                return self.await_ready(server)
            except (management.Unreachable, management.Refused) as error:
                if monotonic() > self.deadline or not self.comes_back(server.current(), error):
                    raise
            sleep(POLL_SECONDS)

    def comes_back(self, server: Server, error: management.Unreachable | management.Refused) -> bool:
        """Whether Java has died and is started again, with the versions beside those that answer last."""
        if isinstance(error, management.Unreachable):
            return server.watcher() is not None
        known = error.status == HTTPStatus.NOT_FOUND and self.version in holding.of(server).versions(self.model)
        return known and server.watcher() is not None

    @property
    def address(self) -> str:
        """Of what is scaled, in the management API."""
        return management.address(self.model, self.version)

    def shrink_or_grow(self, server: Server) -> bool:
        """Tell TorchServe the number; False if more is to be done, as when one was replaced meanwhile."""
        description = management.describe(server, self.model, self.version)
        memory.check(self.model, management.pids(description), self.workers)
        workers = self.workers or min(1, max(0, len(description["workers"]) - 1))
        ended = description["workers"][workers:]
        leaving = [f"{self.model}.{worker['pid']}" for worker in ended]
        surplus = [server.locks / name for name in leaving if (server.locks / name).exists()]  # a starting one has none
        with drain_workers(server, self.address, [lock.name for lock in surplus], self.deadline, workers > 0):
            if not all(is_running(owner(lock)) for lock in surplus):
                return False
            answering = server.answering.get(self.model)  # none of a model that is being added
            if self.version is None or answering is None or self.version == answering.version:
                self.note.write_text(str(self.workers))  # before it is so, for what is started after a death
            told = self.tell(server, workers)
            for name in leaving:  # so that nobody counts them as workers that died
                (server.births / name).unlink(missing_ok=True)
        return told and workers == self.workers

    def tell(self, server: Server, workers: int) -> bool:
        """Tell TorchServe the number; False if it failed at one of those that leave, and has to be told again."""
        try:
            management.manage(server, "PUT", self.address, min_worker=workers, max_worker=workers)
        except management.Refused as refused:
            if refused.status != HTTPStatus.INTERNAL_SERVER_ERROR or monotonic() > self.deadline:
                raise
            return False
        return True

    def await_ready(self, server: Server) -> dict[str, Any]:
        """Wait until just that many are ready.

        Raises:
            Failure: they are not at the deadline.
        """
        while True:
            description = management.describe(server, self.model, self.version)
            ready = management.ready(description)
            if ready == len(description["workers"]) == self.workers:
                return description
            if monotonic() > self.deadline:
                raise Failure(
                    f"{ready} of {self.workers} workers of {self.model} are ready, and time is up",
                    why=management.traceback(server, self.model, self.version),
                    fix=f"scripts/bert logs --inference-port {server.inference_port}; or raise --timeout",
                )
            sleep(POLL_SECONDS)


@contextmanager
def drain_workers(server: Server, address: str, names: Sequence[str], deadline: float, others: bool) -> Iterator[None]:
    """Keep these workers from working; they go on if they still live when this ends, or when this process dies.

    Args:
        server: whose workers they are.
        address: of their model or version, in the management API.
        names: of their locks.
        deadline: to wait for what they work on.
        others: whether some stay, who may take a question: one more is asked then, and else it would wait for nobody.

    Raises:
        Failure: one of them was busy until the deadline.
    """
    if not names:
        yield
        return
    notes = [server.drain_notes / name for name in names]
    questions = len(notes) + others
    with ThreadPoolExecutor(questions) as pool, ExitStack() as stack:
        for note in notes:
            stack.callback(note.unlink, missing_ok=True)
            fcntl.flock(stack.enter_context(note.open("wb")), fcntl.LOCK_EX)
        for _ in range(questions):
            connection = Connection(server.management_socket)
            pool.submit(describe_until, server, address, notes, deadline, connection)
            stack.callback(connection.cut)  # a question whose worker has ended may never be answered
        while not all(map(idle, notes)):
            if monotonic() > deadline:
                raise Failure(f"workers of {address} are too busy to leave", fix="raise --timeout")
            sleep(POLL_SECONDS / 10)
        yield


def describe_until(
    server: Server, address: str, notes: Sequence[Path], deadline: float, connection: Connection
) -> None:
    """Ask whichever worker is free, again and again, until each of those that are to leave has a question to keep."""
    while monotonic() < deadline and not all(map(idle, notes)):
        patience = max(POLL_SECONDS, min(QUESTION_SECONDS, deadline - monotonic()))
        try:
            management.manage(server, "GET", address, patience, connection, customized="true")
        except Failure:  # the queue is full; or the worker that had the question has ended
            sleep(POLL_SECONDS / 10)


def idle(note: Path) -> bool:
    """Whether the worker with this note works on nothing: it says so, or it is gone, or the note is."""
    try:
        return note.read_bytes() == WAITING or not is_running(owner(note))
    except FileNotFoundError:
        return True
