"""`start --foreground`: the command stays with its server, and leaves nothing of it behind."""

from __future__ import annotations

import signal
from threading import Event
from types import FrameType

from handler.locks import is_locked, stop_note
from scripts.console import Failure
from scripts.server import failed, stop, supervise
from scripts.server.notify import notify
from scripts.server.state import Server
from scripts.server.tail import last_lines

POLL_SECONDS = 0.2
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Asked:
    """Whether a signal has asked for the end.

    It is noted and not raised: what a signal raises is lost where Python cannot raise, such as in a destructor.
    """

    def __init__(self) -> None:
        self.event = Event()
        self.before = {number: signal.getsignal(number) for number in SIGNALS}
        for number, handler in self.before.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, self.note)

    def note(self, number: int, frame: FrameType | None) -> None:
        """Called by Python; the next one is raised again."""
        self.event.set()
        for each, handler in self.before.items():
            signal.signal(each, handler)


def wait(server: Server, drain: float, asked: Asked) -> None:
    """Wait for a signal, upon which the server is drained and ended, or for the server's own end.

    A second signal ends it at once.

    Args:
        server: what runs.
        drain: seconds for what it has accepted.
        asked: made before anybody could know that the server is there.

    Raises:
        Failure: the server is given up, or was killed together with its supervisor.
    """
    notify("READY=1")
    while not asked.event.is_set() and (is_locked(stop_note(server.locks)) or is_kept(server)):
        asked.event.wait(POLL_SECONDS)
    if asked.event.is_set():
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
