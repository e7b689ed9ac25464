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
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from handler.locks import WAITING
from scripts.console import Failure
from scripts.server import management
from scripts.server.state import Server

POLL_SECONDS = 0.1


def scale(server: Server, model: str, workers: int, timeout: float = 300, version: str | None = None) -> dict[str, Any]:
    """Change the number of workers and wait until just that many are ready.

    Raises:
        Failure: they were not ready in time; `why` is the last traceback a worker left.
    """
    deadline = monotonic() + timeout
    last = management.describe(server, model, version)["workers"][workers:]  # these it ends
    pids = [str(worker["pid"]) for worker in last]
    surplus = [pid for pid in pids if (server.locks / f"{model}.{pid}").exists()]  # one that is starting has no lock
    with drain_workers(server, model, surplus, deadline, version) if surplus else nullcontext():
        management.manage(server, "PUT", management.address(model, version), min_worker=workers, max_worker=workers)
    while True:
        description = management.describe(server, model, version)
        if management.ready(description) == len(description["workers"]) == workers:
            return description
        if monotonic() > deadline or server.process() is None:
            raise Failure(
                f"{management.ready(description)} of {workers} workers of {model} are ready after {timeout:.0f} s",
                why=management.traceback(server, model, version),
                fix=f"scripts/bert logs --inference-port {server.inference_port}",
            )
        sleep(POLL_SECONDS)


@contextmanager
def drain_workers(
    server: Server, model: str, pids: Sequence[str], deadline: float, version: str | None = None
) -> Iterator[None]:
    """Keep these workers from working; they go on if they still live when this ends, or when this process dies.

    Raises:
        Failure: one of them was busy until the deadline.
    """
    notes = [server.drain_notes / f"{model}.{pid}" for pid in pids]
    with ThreadPoolExecutor(len(pids) + 1) as pool, ExitStack() as stack:
        for note in notes:
            stack.callback(note.unlink)
            fcntl.flock(stack.enter_context(note.open("wb")), fcntl.LOCK_EX)
        for _ in range(len(pids) + 1):
            pool.submit(describe_until, server, management.address(model, version), notes, deadline)
        while not all(map(waiting, notes)):
            if monotonic() > deadline:
                raise Failure(f"workers of {model} are too busy to leave", fix="raise --timeout")
            sleep(POLL_SECONDS / 10)
        yield


def describe_until(server: Server, model_address: str, notes: Sequence[Path], deadline: float) -> None:
    """Ask whichever worker is free, again and again, until each of those that are to leave has a question to keep."""
    while monotonic() < deadline and not all(map(waiting, notes)):
        with suppress(Failure):  # the queue is full; or the worker that had the question has ended
            management.manage(server, "GET", model_address, timeout=deadline - monotonic(), customized="true")


def waiting(note: Path) -> bool:
    """Whether the worker with this note works on nothing; true as well once the note is gone."""
    try:
        return note.read_bytes() == WAITING
    except FileNotFoundError:
        return True
