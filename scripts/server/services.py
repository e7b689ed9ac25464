"""What runs beside a server, in threads of its supervisor, for as long as the supervisor does."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from scripts.server.state import Server

SERVICES: tuple[Callable[[Server], None], ...] = ()
"""Each is called once, in a thread of its own that ends with the process; `Server.current` is as it is now."""


def begin(server: Server) -> None:
    """Start them."""
    for service in SERVICES:
        Thread(target=service, args=(server,), name=service.__name__, daemon=True).start()
