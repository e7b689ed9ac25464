"""Changes the number of workers of a running model without losing what they work on.

TorchServe ends surplus workers at once: one thread puts their requests back into the queue while another, the
worker's own, wakes up and fails them with a 500 "Worker died.". Which comes first is chance, and where both touch the
list at once a request is forgotten and its client waits for ever. So a worker that is to leave is first given a request
of ours that it does not answer, a DESCRIBE, which TorchServe never batches with others: nobody else's is in its hands
when it ends. Where both touch that one at once, TorchServe answers 500: it has taken the worker off its list by then,
and has not come to the next one (`WorkLoadManager.modelChanged`), so it is told the number again.

With no worker left, whatever came into the queue last is never answered either. So where none is to be left, TorchServe
is told a minimum of 0 and a maximum of as many as there are: it forgets its workers, upon which it accepts no further
request (503), but they go on with those it has. When they have nothing more to do, we end them.
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

from handler.locks import WAITING, is_locked, is_running, owner
from scripts.console import Failure
from scripts.server import draining, holding, java, management, memory, processes, turns
from scripts.server.state import Server
from scripts.server.unix_http import Connection

POLL_SECONDS = 0.1
STARTING_SECONDS = 30
"""For a worker that is to end and has not loaded yet: it may have requests waiting for it."""
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
    deadline = monotonic() + timeout
    with turn(server, model, deadline) as note:
        return Scaling(model, version, workers, note, deadline).run(server)


def restore(server: Server, model: str, timeout: float = 300) -> None:
    """Give a model whose Java was started again the number of workers that it had."""
    deadline = monotonic() + timeout
    with turn(server, model, deadline) as note:
        workers = note.read_text()
        if workers:
            Scaling(model, None, int(workers), note, deadline).run(server)


@contextmanager
def turn(server: Server, model: str, deadline: float) -> Iterator[Path]:
    """One scaling of a model after the other; the value is the file with the number of its workers."""
    server.scaled.mkdir(parents=True, exist_ok=True)
    note = server.scaled / model
    with note.open("a") as lock:
        turns.take(lock, deadline, f"scales {model}")
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
        if not self.workers:
            self.empty(server)
            return True
        memory.check(self.model, management.pids(description), self.workers)
        ended = description["workers"][self.workers :]
        leaving = [f"{self.model}.{worker['pid']}" for worker in ended]
        surplus = [server.locks / name for name in leaving if (server.locks / name).exists()]  # a starting one has none
        with drain_workers(server, self.address, [lock.name for lock in surplus], self.deadline):
            if not all(is_running(owner(lock)) for lock in surplus):
                return False
            self.remember(server)
            told = self.tell(server)
            for name in leaving:  # so that nobody counts them as workers that died
                (server.births / name).unlink(missing_ok=True)
        return told

    def remember(self, server: Server) -> None:
        """Write the number down before it is so, for what is started after a death."""
        answering = server.answering.get(self.model)  # none of a model that is being added
        if self.version is None or answering is None or self.version == answering.version:
            self.note.write_text(str(self.workers))

    def empty(self, server: Server) -> None:
        """Let nobody in, have the workers answer what is inside, and end them; one that starts is waited for."""
        patience = min(self.deadline, monotonic() + STARTING_SECONDS)
        description = management.describe(server, self.model, self.version)
        while management.ready(description) < len(description["workers"]) and monotonic() < patience:
            sleep(POLL_SECONDS)
            description = management.describe(server, self.model, self.version)
        self.remember(server)
        management.manage(server, "PUT", self.address, min_worker=0, max_worker=len(description["workers"]))
        pids = management.pids(description)
        locks = [server.locks / f"{self.model}.{pid}" for pid in pids]
        draining.calm(lambda: sum(map(is_locked, locks)), self.deadline)
        for lock in locks:
            (server.births / lock.name).unlink(missing_ok=True)
        java.end([process for process in processes.of(server.temporary) if process.pid in pids])

    def tell(self, server: Server) -> bool:
        """Tell TorchServe the number; False if it failed at one of those that leave, and has to be told again."""
        try:
            management.manage(server, "PUT", self.address, min_worker=self.workers, max_worker=self.workers)
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
            live = all(map(is_running, management.pids(description)))  # Java may not know yet that one has died
            if ready == len(description["workers"]) == self.workers and live:
                return description
            if monotonic() > self.deadline:
                raise Failure(
                    f"{ready} of {self.workers} workers of {self.model} are ready, and time is up",
                    why=management.traceback(server, self.model, self.version),
                    fix=f"scripts/bert logs --inference-port {server.inference_port}; or raise --timeout",
                )
            sleep(POLL_SECONDS)


@contextmanager
def drain_workers(
    server: Server, address: str, names: Sequence[str], deadline: float, others: bool = True
) -> Iterator[None]:
    """Keep these workers from working; they go on if they still live when this ends, or when this process dies.

    Args:
        server: whose workers they are.
        address: of their model or version, in the management API.
        names: of their locks.
        deadline: to wait for what they work on.
        others: whether some stay, who may take a question: one more is asked then.

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
            opened = stack.enter_context(note.open("wb", buffering=0))
            fcntl.flock(opened, fcntl.LOCK_EX)
            opened.write(b" " * len(WAITING))  # a full disk says so here, and not to the worker
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
