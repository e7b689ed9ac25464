"""What runs beside a server, in threads of its supervisor, for as long as the supervisor does."""

from __future__ import annotations

import sys
from collections.abc import Callable

from scripts.server import agent, java_memory, management_port
from scripts.server.state import Server

SERVICES: dict[str, Callable[[Server], object]] = {
    "the management port": management_port.serve,
    "the agent for HAProxy": agent.serve,
    "what returns Java's memory": java_memory.serve,
}
"""Each works in threads of its own when it returns; `Server.current` is the server as it is now."""


def begin(server: Server) -> None:
    """Start them; a port that is taken costs what listens there, and not the server."""
    for name, service in SERVICES.items():
        try:
            service(server)
        except OSError as error:
            sys.stderr.write(f"{name} is not there: {error.strerror}\n")
