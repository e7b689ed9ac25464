"""Servers that were given up: a note in the server's folder says why, until `start` or `stop`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from scripts import paths
from scripts.files import private
from scripts.server.state import Server, flag
from scripts.server.tail import last_lines

FILE = "failed.json"


class Failed(msgspec.Struct, frozen=True):
    """A server that is not started any more.

    Attributes:
        reason: one line.
        console: the last lines it wrote.
        time: ISO 8601, with the time zone.
    """

    inference_port: int
    models: list[str]
    reason: str
    console: str
    time: str
    logs: str


def write(server: Server, reason: str) -> None:
    """Say that a server has failed for good, and forget it."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    note = Failed(server.inference_port, server.models, reason, last_lines(server.logs), now, str(server.logs))
    private.write(Path(server.folder) / FILE, msgspec.json.encode(note))
    server.forget()


def listed(inference_port: int | None = None) -> list[Failed]:
    """All of them, or the one on that port."""
    files = sorted(paths.RUNS.glob(f"{inference_port or '*'}/{FILE}"))
    return [msgspec.json.decode(file.read_bytes(), type=Failed) for file in files]


def fix(note: Failed) -> str:
    """What to do."""
    port = flag(note.inference_port)
    return (
        f"scripts/bert logs{port} shows more; then scripts/bert start {' '.join(note.models)}{port}, or "
        f"scripts/bert stop{port} to forget it"
    )


def clear(inference_port: int) -> bool:
    """Forget the one on that port; whether there was one."""
    file = paths.RUNS / str(inference_port) / FILE
    there = file.exists()
    file.unlink(missing_ok=True)
    return there
