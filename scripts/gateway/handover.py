"""What an HAProxy holds when another one takes over from it: requests that wait while none of its servers is up.

It no longer checks them then, so that such a request would wait until its time is up. Its connection within the gateway
is cut, upon which `models` sends it again; that leads to the next HAProxy, which has the socket's name by then.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.gateway import maps

PROMPT = b"\n> "
"""After each answer in the interactive mode: https://docs.haproxy.org/2.6/management.html#9.3."""
BACKEND, STATE = 1, 5
"""Columns of `show servers state`."""
STOPPED = "0"
NOBODY = "<none>"


@contextmanager
def kept(folder: Path) -> Iterator[Kept]:
    """A connection to the HAProxy of now, which stays when its socket's name is another's.

    Raises:
        OSError: it does not answer.
    """
    with maps.connected(folder / maps.ADMIN) as connection:
        yield Kept(connection)


class Kept:
    """Of one HAProxy."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.told("prompt")

    def release(self) -> None:
        """Cut what waits for no server.

        Raises:
            OSError: it has ended.
        """
        down = backends_down(self.told("show servers state"))
        for line in self.told("show sess").splitlines():
            words = dict(word.partition("=")[::2] for word in line.split())
            if words.get("srv") == NOBODY and words.get("be") in down:
                self.told(f"shutdown session {line.partition(':')[0]}")

    def told(self, command: str) -> str:
        """Say a command; its answer.

        Raises:
            OSError: it has ended.
        """
        self.connection.sendall(f"{command}\n".encode())
        said = b""
        while not said.endswith(PROMPT):
            if not (piece := self.connection.recv(65536)):
                raise ConnectionError(f"HAProxy ended before it answered {command!r}")
            said += piece
        return said.removesuffix(PROMPT).decode()


def backends_down(states: str) -> set[str]:
    """Names of those of whose servers none is up, in the words of `show servers state`."""
    rows = [line.split() for line in states.splitlines() if line[:1].isdigit() and len(line.split()) > STATE]
    return {row[BACKEND] for row in rows} - {row[BACKEND] for row in rows if row[STATE] != STOPPED}
