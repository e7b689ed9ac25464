"""Stops a server: lets it finish what it has, ends it, and makes sure nothing of it stays."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic, sleep

import psutil

from handler.locks import is_locked
from scripts.console import Failure
from scripts.server import management
from scripts.server.state import Server

IDLE_POLLS = 4  # polls in a row that see nothing to do; a batch is between queue and worker for less time than that
POLL_SECONDS = 0.05
JAVA_SECONDS = 20


def stop(server: Server, drain: float) -> int:
    """Wait for requests in flight, then end the server.

    Args:
        server: the server.
        drain: seconds to wait at most.

    Returns:
        Requests that were still waiting when time was up; 0 when all were answered.
    """
    waiting = drain_requests(server, drain)
    terminate(server)
    return waiting


def drain_requests(server: Server, drain: float) -> int:
    """Wait until no request waits and no worker is busy; returns how many waited at the end.

    TorchServe cuts the connections of requests in flight when it stops, so it must not be stopped before.
    """
    deadline, calm = monotonic() + drain, 0
    while calm < IDLE_POLLS:
        try:
            waiting = pending(server) + busy(server)
        except Failure:
            return 0  # it does not answer any more
        calm = 0 if waiting else calm + 1
        if monotonic() > deadline:
            return waiting
        sleep(POLL_SECONDS)
    return 0


def pending(server: Server) -> int:
    """Requests in the queues of all models."""
    models = management.manage(server, "GET", "/models", limit=1000)["models"]
    queues = (management.describe(server, model["modelName"])["jobQueueStatus"] for model in models)
    return sum(queue["pendingRequests"] for queue in queues)


def busy(server: Server) -> int:
    """Workers that are computing; each holds a lock while it does."""
    return sum(map(is_locked, server.locks.glob("*")))


def terminate(server: Server) -> None:
    """End Java and whatever it started, by process id, and forget the server."""
    process = server.process()
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            family = [process, *process.children(recursive=True)]
            process.terminate()
            psutil.wait_procs(family, timeout=JAVA_SECONDS)
            for member in family:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            psutil.wait_procs(family, timeout=JAVA_SECONDS)
    server.forget()
