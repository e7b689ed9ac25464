"""Tells systemd how a service is doing, where it asks for that: sd_notify(3), which is one datagram."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send `READY=1` or another state; nothing where no service manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            channel.send(state.encode())
