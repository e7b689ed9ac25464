"""What HAProxy heard last from a server's agent, so that a `stop` can wait until nothing more is sent."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep, time

from scripts.server.state import Server

INTERVAL = 1
"""Seconds between two questions of HAProxy's."""
DRAIN = "drain"
POLL_SECONDS = 0.05


def file(server: Server) -> Path:
    """Holds the word, and as its time, when it was said."""
    return Path(server.folder) / "agent"


def await_drain(server: Server, deadline: float) -> None:
    """Where somebody asks the agent, return when it was told that this server is to end, or time is up."""
    said = file(server)
    with suppress(FileNotFoundError):
        while time() - said.stat().st_mtime < 3 * INTERVAL and monotonic() < deadline:
            if said.read_text() == DRAIN:
                return
            sleep(POLL_SECONDS)
