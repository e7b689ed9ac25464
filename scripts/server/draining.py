"""How a server is emptied before it ends: what it has accepted is answered, and what comes then is refused with a 503.

TorchServe has no such state, and cuts the connections of requests in flight when it stops. So `bert` holds a lock that
workers look at, and begins when a question of its own has come to a worker through each model's queue, which is first
in, first out: whatever was accepted before is in the workers' hands by then.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from io import FileIO
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil

from handler.locks import REFUSING, is_locked, stop_note
from scripts.console import Failure
from scripts.server import heard, management
from scripts.server.state import Server
from scripts.server.unix_http import Connection

IDLE_POLLS = 4  # polls in a row that see nothing to do; a batch is between queue and worker for less time than that
POLL_SECONDS = 0.05
NO_FILES = 3
"""Open files that a Java with a closed door may have: fewer than it has, so that it opens no further one."""


@contextmanager
def stopping(server: Server) -> Iterator[FileIO]:
    """Hold the note that says this server is being stopped, when whoever held it before is done.

    The supervisor then starts no Java, and `start` waits. Should this process die, the server goes on.
    """
    file = stop_note(server.locks)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab", buffering=0) as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.truncate(0)
        try:
            yield note
        finally:
            note.truncate(0)


def wait_for_stop(folder: Path, timeout: float) -> None:
    """Wait while a server of that folder is being stopped.

    Raises:
        Failure: it still is after `timeout` seconds.
    """
    deadline = monotonic() + timeout
    while is_locked(folder / "stopping"):
        if monotonic() > deadline:
            raise Failure(
                f"the server on port {folder.name} is still being stopped after {timeout:.0f} s",
                fix="wait for that stop, or end it; or raise --timeout",
            )
        sleep(POLL_SECONDS)


def drain(server: Server, note: FileIO, seconds: float) -> int:
    """Answer what was accepted, refuse what comes, and close the door.

    Returns:
        How many requests still waited when time was up; 0 when all were answered, or the server answers no more.
    """
    deadline = monotonic() + seconds
    kept = Connection(server.management_socket)  # it stays open when Java takes no further ones
    with closing(kept), suppress(Failure):
        heard.await_drain(server, deadline)
        pass_queues(server, deadline)
        refuse(note)
        if calm(lambda: busy(server), deadline):
            return pending(server, kept) + busy(server)
        pending(server, kept)
        close_door(server)
        return calm(lambda: pending(server, kept) + busy(server), deadline)
    return 0


def finish(server: Server, note: FileIO, seconds: float) -> None:
    """As `drain`, for a Java that cannot be asked: what waits in its queues is refused, too."""
    deadline = monotonic() + seconds
    heard.await_drain(server, deadline)
    refuse(note)
    calm(lambda: busy(server), deadline)


def refuse(note: FileIO) -> None:
    """Have workers refuse what comes to them from now on; where a disk is full, they go on until the door is closed."""
    with suppress(OSError):
        note.write(REFUSING)


def pass_queues(server: Server, deadline: float) -> None:
    """Return when everything that is in the queues now has come to a worker."""
    found = [(each["modelName"], each["modelVersion"]) for each in queues(server)]
    with ThreadPoolExecutor(len(found) + 1) as pool:
        list(pool.map(lambda queue: pass_queue(server, queue[0], queue[1], deadline), found))


def pass_queue(server: Server, model: str, version: str, deadline: float) -> None:
    """A question to a worker of that version, again while the queue is full; without a worker nothing ever passes."""
    while monotonic() < deadline and management.ready(management.describe(server, model, version)):
        patience = max(POLL_SECONDS, deadline - monotonic())
        with suppress(Failure):
            management.manage(server, "GET", management.address(model, version), timeout=patience, customized="true")
            return
        sleep(POLL_SECONDS)


def calm(waiting: Callable[[], int], deadline: float) -> int:
    """Wait until nothing waits for a while; how much did at the end."""
    polls = 0
    while polls < IDLE_POLLS:
        found = waiting()
        polls = 0 if found else polls + 1
        if monotonic() > deadline:
            return found
        sleep(POLL_SECONDS)
    return 0


def close_door(server: Server) -> None:
    """Let Java open no further connection; those it has stay. Who asks now waits, and is refused when Java has ended.

    Without this there is no moment at which nothing waits, where clients ask again at once. Only Linux can do this.
    """
    process = server.process()
    if process is not None:
        with suppress(AttributeError, OSError, psutil.Error):
            process.rlimit(psutil.RLIMIT_NOFILE, (NO_FILES, process.rlimit(psutil.RLIMIT_NOFILE)[1]))


def queues(server: Server, connection: Connection | None = None) -> list[dict[str, Any]]:
    """All versions of all models, as TorchServe describes them; each has a queue."""
    models = management.manage(server, "GET", "/models", connection=connection, limit=1000)["models"]
    names = dict.fromkeys(model["modelName"] for model in models)
    return [
        version
        for name in names
        for version in management.manage(server, "GET", f"/models/{name}/all", connection=connection)
    ]


def pending(server: Server, connection: Connection | None = None) -> int:
    """Requests in all queues."""
    return sum(each["jobQueueStatus"]["pendingRequests"] for each in queues(server, connection))


def busy(server: Server) -> int:
    """Workers that are computing; each holds a lock while it does."""
    return sum(map(is_locked, server.locks.glob("*")))
