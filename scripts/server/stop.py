"""Stops a server: lets it finish what it has accepted, ends it, and makes sure nothing of it stays."""

from __future__ import annotations

import os
from contextlib import suppress

import psutil

from scripts.server import draining, java, processes
from scripts.server.state import Server

JAVA_SECONDS = 2
"""For Java to end its workers and itself; nothing that was accepted waits for it any more."""
SUPERVISOR_SECONDS = 20


def stop(server: Server, drain: float) -> int:
    """Answer what was accepted and refuse what comes, then end the server.

    Args:
        server: the server.
        drain: seconds to wait at most.

    Returns:
        Requests that were still waiting when time was up; 0 when all were answered.
    """
    with draining.stopping(server) as note:
        if not server.remembered():  # another `stop` was first
            return 0
        waiting = draining.drain(server, note, drain)
        terminate_locked(server)
    return waiting


def terminate(server: Server) -> None:
    """End a server at once."""
    with draining.stopping(server):
        terminate_locked(server)


def terminate_locked(server: Server) -> None:
    """End the supervisor, then Java and its workers, by process id, and forget the server.

    Java is started by the supervisor alone, which never leaves off in the middle: after its end there is one at most.
    """
    watcher = server.current().watcher()
    if watcher is not None and watcher.pid != os.getpid():
        with suppress(psutil.NoSuchProcess):
            watcher.terminate()
        java.end(processes.await_end([watcher], SUPERVISOR_SECONDS))
    main = server.current().process()
    family = processes.of(server.temporary)
    if main is not None:
        with suppress(psutil.NoSuchProcess):
            main.terminate()
        processes.await_end(family, JAVA_SECONDS)
    java.end(family)
    server.forget()
