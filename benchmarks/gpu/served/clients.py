"""Clients on threads that ask again and again while something happens to the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, pairwise
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import requests

from scripts.server import local

SECONDS = 60  # for one answer
PAUSE_SECONDS = 0.05  # after a request that got no answer at all
JSON = "application/json"


@dataclass(slots=True)
class Tally:
    """What came back: statuses, or names of exceptions, and when good answers did."""

    statuses: Counter[str] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def take(self, status: str) -> None:
        """Count one."""
        with self.lock:
            self.statuses[status] += 1
            if status == "200":
                self.answered.append(monotonic())

    def report(self) -> dict[str, Any]:
        """Requests, those without a good answer by status, and the longest time in which nobody got one."""
        gaps = [later - earlier for earlier, later in pairwise(sorted(self.answered))]
        return {
            "requests": self.statuses.total(),
            "failed": {status: number for status, number in sorted(self.statuses.items()) if status != "200"},
            "longest_gap_seconds": round(max(gaps, default=0.0), 2),
        }


Turn = Callable[[requests.Session, int, int], None]
"""One request of a client, given its session, its number and the request's."""


@contextmanager
def asking(clients: int, turn: Turn) -> Iterator[None]:
    """That many clients, each with a connection of its own, until the block ends.

    Threads are daemons: a server that hangs does not keep this process from stopping it.
    """
    done = Event()

    def client(number: int) -> None:
        with local.session() as session:
            for request in count():
                if done.is_set():
                    return
                turn(session, number, request)

    threads = [Thread(target=client, args=[number], daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
    deadline = monotonic() + SECONDS
    for thread in threads:  # not when something was raised
        thread.join(max(0.0, deadline - monotonic()))


def repeating(address: str, body: bytes, tally: Tally) -> Turn:
    """The same request again and again."""

    def turn(session: requests.Session, number: int, request: int) -> None:
        tally.take(status(session, address, body))

    return turn


def status(session: requests.Session, address: str, body: bytes) -> str:
    """Of one request; the exception's name if there was no answer."""
    try:
        return str(session.post(address, data=body, headers={"content-type": JSON}, timeout=SECONDS).status_code)
    except requests.RequestException as error:
        Event().wait(PAUSE_SECONDS)
        return type(error).__name__
