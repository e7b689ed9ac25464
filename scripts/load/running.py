"""A model of a running server as a target of load."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.load.served import Target
from scripts.server import management
from scripts.server.state import Server

FIELDS = {"embedding": {"encoding_format": "base64"}}
"""Task -> keys of its bodies beside the texts."""


def target(server: Server, name: str, task: str, workers: Sequence[int]) -> Target:
    """Where requests go, with the server's key; `workers` are ids of processes, whose time is counted like Java's."""
    return Target(
        f"{server.inference}/predictions/{name}",
        {"task": task, **FIELDS.get(task, {})},
        pids=[server.pid, *workers],
        metrics=server.metrics,
        head="".join(f"{key}: {value}\r\n" for key, value in management.auth_header(server).items()),
    )
