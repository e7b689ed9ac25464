"""A word on how a server is, for HAProxy's `agent-check`: a TCP port that answers with one line and closes.

A check that asks the model for something waits behind its work, so that under load it fails and takes away a server
that does all it can. This one asks TorchServe for what it knows of its queues and workers, and no worker. A gateway's
own process, which asks for `VERSIONS`, gets those instead.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import NamedTuple

from handler.locks import is_locked, stop_note
from scripts.console import Failure
from scripts.server import draining, heard, holding, lost, management
from scripts.server.state import Server

OFFSET = 5
"""From a server's inference port to that of its agent; the ports between are TorchServe's own."""
FULL = 256
"""Requests in TorchServe's queue at which a server gets the least weight."""
LEAST = 10
"""Per cent."""
VERSIONS = b"versions\n"
HAPROXY = "check\\n"
"""What HAProxy is told to send, as its configuration has it; who sends nothing is answered after `PATIENCE`."""
PATIENCE = 0.2
"""Seconds."""
FRESH = 0.3
"""Seconds for which a word is true: however many ask, and whoever they are, Java is asked no more often."""


class State(NamedTuple):
    """How a server is, in a word for HAProxy, and which of its models have a worker; None before anybody has asked."""

    word: str
    working: list[str] | None


class Agent:
    """What one server says."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.lock = threading.Lock()
        self.state, self.since = State("", None), -FRESH
        self.models: list[str] = []
        """Those that the state is of."""

    def say(self, question: bytes, asker: str) -> str:
        """The answer to somebody at that address; what HAProxy was told is written down.

        Versions are said without asking Java, which may be late: which models have workers is what HAProxy heard last.
        """
        if question == VERSIONS:
            server = self.server.current()
            return holding.line(server, self.state.working if server.models == self.models else None)
        with self.lock:
            if monotonic() - self.since >= FRESH:
                self.models = self.server.current().models
                self.state, self.since = state(self.server), monotonic()
            now = self.state
        heard.note(self.server, asker, now.word)
        return now.word


def port(server: Server) -> int:
    """Where the agent of that server listens."""
    return server.inference_port + OFFSET


def state(server: Server) -> State:
    """`ready 100%`, less with a long queue; `drain` when it is to end; `down` without Java or any worker, or at start.

    A `start` that is asked to end before it is done cuts what its first workers have accepted: nothing is to be sent.

    Where one of several models has no worker, the others are served, and the gateway waits for that one. For HAProxy
    `ready` ends what `drain` began, and `up` what `down` did. One that has lost its temporary folder still answers,
    until its supervisor drains it.
    """
    server = server.current()
    if server.process() is None or is_locked(server.starting):
        return State("down", [])
    if is_locked(stop_note(server.locks)):
        return State(heard.DRAIN, [])
    try:
        working = [name for name in server.models if management.ready(management.describe(server, name))]
        waiting = draining.pending(server)
    except Failure:
        return State(f"ready up {LEAST}%", None) if lost.cause(server) else State("down", [])
    weight = max(LEAST, 100 - 100 * waiting // FULL)
    return State(f"ready up {weight}%" if working else "down", working)


class Listener(socketserver.ThreadingTCPServer):
    """One line per connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, at: tuple[str, int], handler: Callable[..., Line]) -> None:
        self.address_family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
        super().__init__(at, handler)


class Line(socketserver.BaseRequestHandler):
    """A question, or none, and one line."""

    def __init__(self, say: Callable[[bytes, str], str], *arguments: object) -> None:
        self.say = say
        super().__init__(*arguments)  # type: ignore[arg-type]

    def handle(self) -> None:
        """Called by `socketserver`."""
        question = b""
        self.request.settimeout(PATIENCE)
        with suppress(OSError):
            question = self.request.recv(len(VERSIONS))
        answer = self.say(question, self.client_address[0])
        with suppress(OSError):  # who asked has left
            self.request.sendall(f"{answer}\n".encode())


def serve(server: Server) -> Listener:
    """Answer in a thread until `shutdown` of what is returned; on loopback, unless the operator opened it."""
    return listen(Agent(server).say, port(server), server.agent_host)


def listen(say: Callable[[bytes, str], str], at: int, host: str = "127.0.0.1") -> Listener:
    """Answer every connection with what `say` makes of a question and the address it comes from."""
    listener = Listener((host, at), partial(Line, say))
    threading.Thread(target=listener.serve_forever, name="agent", daemon=True).start()
    return listener
