"""What each HAProxy heard last from a server's agent, so that a `stop` can wait until nothing more is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from time import monotonic, sleep, time

from scripts.server.state import Server

INTERVAL = 1
"""Seconds between two questions of HAProxy's."""
RECENT = 3 * INTERVAL
"""Seconds after which somebody who has not asked again is gone."""
DRAIN = "drain"
POLL_SECONDS = 0.05


def note(server: Server, asker: str, word: str) -> None:
    """Write down what somebody at that address was told; the time of the file is when."""
    server.asked.mkdir(exist_ok=True)
    (server.asked / asker).write_text(word)


def lately(server: Server) -> Iterator[str]:
    """The last word to each that asked lately."""
    for file in server.asked.glob("*"):
        with suppress(FileNotFoundError):
            if time() - file.stat().st_mtime < RECENT:
                yield file.read_text()


def await_drain(server: Server, deadline: float) -> None:
    """Return when everybody who asks the agent was told that this server is to end, or time is up."""
    while any(word != DRAIN for word in lately(server)) and monotonic() < deadline:
        sleep(POLL_SECONDS)
