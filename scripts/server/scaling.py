"""Changes the number of workers of a running model without losing what they work on.

TorchServe ends surplus workers at once: one thread puts their requests back into the queue while another, the
worker's own, wakes up and fails them with a 500 "Worker died.". Which comes first is chance, and where both touch the
list at once a request is forgotten and its client waits for ever. So a worker that is to leave is first given a request
of ours that it does not answer, a DESCRIBE, which TorchServe never batches with others: nobody else's is in its hands
when it ends.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from handler.locks import WAITING, is_running, owner
from scripts.console import Failure
from scripts.server import management, memory
from scripts.server.state import Server

POLL_SECONDS = 0.1
QUESTION_SECONDS = 30
"""Until a question is asked again: TorchServe may have lost it with a worker that died."""


def scale(server: Server, model: str, workers: int, timeout: float = 300) -> dict[str, Any]:
    """Change the number of workers and wait until just that many are ready, also when Java dies meanwhile.

    Raises:
        Failure: they would not fit into memory, or were not ready in time; `why` is the last traceback a worker left.
    """
    with turn(server, model) as note:
        return scale_locked(server, model, workers, note, monotonic() + timeout)


def restore(server: Server, model: str, timeout: float = 300) -> None:
    """Give a model whose Java was started again the number of workers that it had."""
    with turn(server, model) as note:
        workers = note.read_text()
        if workers:
            scale_locked(server, model, int(workers), note, monotonic() + timeout)


@contextmanager
def turn(server: Server, model: str) -> Iterator[Path]:
    """One scaling of a model after the other; the value is the file with the number of its workers."""
    server.scaled.mkdir(parents=True, exist_ok=True)
    note = server.scaled / model
    with note.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield note


def scale_locked(server: Server, model: str, workers: int, note: Path, deadline: float) -> dict[str, Any]:
    """`scale`, for the one whose turn it is."""
    while True:
        server = server.current()
        try:
            while not shrink_or_grow(server, model, workers, note, deadline):
                pass
            return await_ready(server, model, workers, deadline)
        except management.Unreachable:
            if server.current().watcher() is None or monotonic() > deadline:
                raise
        sleep(POLL_SECONDS)  # Java has died, and is started again


def shrink_or_grow(server: Server, model: str, workers: int, note: Path, deadline: float) -> bool:
    """Tell TorchServe the number; False if one of those that were to leave was replaced meanwhile by one that works."""
    description = management.describe(server, model)
    memory.check(model, management.pids(description), workers)
    leaving = [f"{model}.{worker['pid']}" for worker in description["workers"][workers:]]  # these it ends
    surplus = [server.locks / name for name in leaving if (server.locks / name).exists()]  # one that starts has none
    with drain_workers(server, model, [lock.name for lock in surplus], deadline):
        if not all(is_running(owner(lock)) for lock in surplus):
            return False
        note.write_text(str(workers))  # before it is so: what is started after a death has this number
        management.manage(server, "PUT", f"/models/{model}", min_worker=workers, max_worker=workers)
        for name in leaving:  # so that nobody counts them as workers that died
            (server.births / name).unlink(missing_ok=True)
    return True


def await_ready(server: Server, model: str, workers: int, deadline: float) -> dict[str, Any]:
    """Wait until just that many are ready.

    Raises:
        Failure: they are not at the deadline.
    """
    while True:
        description = management.describe(server, model)
        if management.ready(description) == len(description["workers"]) == workers:
            return description
        if monotonic() > deadline:
            raise Failure(
                f"{management.ready(description)} of {workers} workers of {model} are ready, and time is up",
                why=management.traceback(server, model),
                fix=f"scripts/bert logs --inference-port {server.inference_port}; or raise --timeout",
            )
        sleep(POLL_SECONDS)


@contextmanager
def drain_workers(server: Server, model: str, names: Sequence[str], deadline: float) -> Iterator[None]:
    """Keep these workers from working; they go on if they still live when this ends, or when this process dies.

    Args:
        server: whose workers they are.
        model: whose workers they are.
        names: of their locks.
        deadline: to wait for what they work on.

    Raises:
        Failure: one of them was busy until the deadline.
    """
    if not names:
        yield
        return
    notes = [server.drain_notes / name for name in names]
    with ThreadPoolExecutor(len(notes) + 1) as pool, ExitStack() as stack:
        for note in notes:
            stack.callback(note.unlink, missing_ok=True)
            fcntl.flock(stack.enter_context(note.open("wb")), fcntl.LOCK_EX)
        for _ in range(len(notes) + 1):
            pool.submit(describe_until, server, model, notes, deadline)
        while not all(map(idle, notes)):
            if monotonic() > deadline:
                raise Failure(f"workers of {model} are too busy to leave", fix="raise --timeout")
            sleep(POLL_SECONDS / 10)
        yield


def describe_until(server: Server, model: str, notes: Sequence[Path], deadline: float) -> None:
    """Ask whichever worker is free, again and again, until each of those that are to leave has a question to keep."""
    while monotonic() < deadline and not all(map(idle, notes)):
        patience = max(POLL_SECONDS, min(QUESTION_SECONDS, deadline - monotonic()))
        try:
            management.manage(server, "GET", f"/models/{model}", timeout=patience, customized="true")
        except Failure:  # the queue is full; or the worker that had the question has ended
            sleep(POLL_SECONDS / 10)


def idle(note: Path) -> bool:
    """Whether the worker with this note works on nothing: it says so, or it is gone, or the note is."""
    try:
        return note.read_bytes() == WAITING or not is_running(owner(note))
    except FileNotFoundError:
        return True
