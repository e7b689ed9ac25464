"""`start --foreground`: the command stays with its server, and leaves nothing of it behind."""

from __future__ import annotations

import signal
from time import sleep

from handler.locks import is_locked, stop_note
from scripts.console import Failure
from scripts.server import failed, stop, supervise
from scripts.server.notify import notify
from scripts.server.state import Server
from scripts.server.tail import last_lines

POLL_SECONDS = 0.2
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def wait(server: Server, drain: float) -> None:
    """Wait for a signal, upon which the server is drained and ended, or for the server's own end.

    A second signal ends it at once.

    Raises:
        Failure: the server is given up, or was killed together with its supervisor.
    """
    notify("READY=1")
    try:
        while is_locked(stop_note(server.locks)) or is_kept(server):
            sleep(POLL_SECONDS)
    except (SystemExit, KeyboardInterrupt):
        notify("STOPPING=1")
        end(server, drain)
    for note in failed.listed(server.inference_port):
        raise Failure(note.reason, why=note.console)
    if server.remembered():
        raise Failure("TorchServe and its supervisor were killed", why=last_lines(server.logs))


def is_kept(server: Server) -> bool:
    """Whether it still runs; a supervisor that was killed is replaced."""
    now = server.current()
    if now.watcher() is None and now.process() is not None and server.remembered():
        now = supervise.take_over(now)
    return server.remembered() and now.watcher() is not None


def end(server: Server, drain: float) -> None:
    """Drain and end it."""
    try:
        stop.stop(server, drain)
    except (SystemExit, KeyboardInterrupt):
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        stop.terminate(server)
