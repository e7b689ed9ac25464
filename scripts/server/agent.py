"""A word on how a server is, for HAProxy's `agent-check`: a TCP port that answers with one line and closes.

A check that asks the model for something waits behind its work, so that under load it fails and takes away a server
that does all it can. This one asks TorchServe for what it knows of its queues and workers, and no worker.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from functools import partial

from handler.locks import is_locked, stop_note
from scripts.console import Failure
from scripts.server import draining, heard, management
from scripts.server.state import Server

OFFSET = 5
"""From a server's inference port to that of its agent; the ports between are TorchServe's own."""
FULL = 256
"""Requests in TorchServe's queue at which a server gets the least weight."""
LEAST = 10
"""Per cent."""


def say(server: Server) -> str:
    """The word, which is written down."""
    word = state(server)
    heard.file(server).write_text(word)
    return word


def port(server: Server) -> int:
    """Where the agent of that server listens."""
    return server.inference_port + OFFSET


def state(server: Server) -> str:
    """`ready 100%`, less with a long queue; `drain` when it is to end; `down` without Java or any worker, or at start.

    A `start` that is asked to end before it is done cuts what its first workers have accepted: nothing is to be sent.

    Where one of several models has no worker, the others are served, and the gateway waits for that one. For HAProxy
    `ready` ends what `drain` began, and `up` what `down` did.
    """
    server = server.current()
    if server.process() is None or is_locked(server.starting):
        return "down"
    if is_locked(stop_note(server.locks)):
        return heard.DRAIN
    try:
        ready = [management.ready(management.describe(server, name)) for name in server.models]
        waiting = draining.pending(server)
    except Failure:
        return "down"
    return f"ready up {max(LEAST, 100 - 100 * waiting // FULL)}%" if any(ready) else "down"


class Listener(socketserver.ThreadingTCPServer):
    """One line per connection."""

    allow_reuse_address = True
    daemon_threads = True


class Line(socketserver.BaseRequestHandler):
    """Nothing is read."""

    def __init__(self, say: Callable[[], str], *arguments: object) -> None:
        self.say = say
        super().__init__(*arguments)  # type: ignore[arg-type]

    def handle(self) -> None:
        """Called by `socketserver`."""
        self.request.sendall(f"{self.say()}\n".encode())


def serve(server: Server, at: int | None = None) -> Listener:
    """Answer in a thread until `shutdown` of what is returned; on loopback, where TorchServe's management is, too."""
    return listen(partial(say, server), port(server) if at is None else at)


def listen(say: Callable[[], str], at: int) -> Listener:
    """Answer every connection with what `say` gives then."""
    listener = Listener(("127.0.0.1", at), partial(Line, say))
    threading.Thread(target=listener.serve_forever, name="agent", daemon=True).start()
    return listener
