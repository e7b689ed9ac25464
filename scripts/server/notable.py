"""The slow and the failed requests of a server, from the files that its workers write; those of dead workers, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from rich.table import Table

from scripts.console import out

Record = Mapping[str, Any]
"""A request; see `handler.observability.record.Record`."""


def read(folder: Path, count: int) -> dict[str, list[Record]]:
    """That many of each kind: the slowest, and the last that failed."""
    found: dict[str, list[Record]] = {"slowest": [], "failed": []}
    for file in folder.glob("*.json"):
        with suppress(FileNotFoundError):  # a worker that just started removes files of others that ended long ago
            for kind, records in orjson.loads(file.read_bytes()).items():
                found[kind] += records
    found["slowest"].sort(key=latency, reverse=True)
    found["failed"].sort(key=lambda record: datetime.fromisoformat(record["time"]), reverse=True)
    return {kind: records[:count] for kind, records in found.items()}


def latency(record: Record) -> float:
    """In milliseconds, as the client saw it, as far as that is known."""
    return float(record["total_ms"] + (record["queue_ms"] or 0))


def show(title: str, records: Sequence[Record]) -> None:
    """A line for each, and how long each of its stages took."""
    out.print(f"{title}: {len(records) or 'none'}")
    if not records:
        return
    table = Table()
    for name in COLUMNS:
        table.add_column(name, overflow="fold", no_wrap=name in ("id", "status"))
    for record in records:
        table.add_row(*(cell(record) for cell in COLUMNS.values()))
    out.print(table)


def local_time(record: Record) -> str:
    """When it came to its worker, by the clock of this machine."""
    return datetime.fromisoformat(record["time"]).astimezone().strftime("%m-%d %H:%M:%S")


def stages(record: Record) -> str:
    """Those that took a millisecond and a tenth of the time; all of them are in JSON."""
    least = max(1.0, record["total_ms"] / 10)
    return ", ".join(f"{name} {ms:.0f}" for name, ms in record["stages_ms"].items() if ms >= least)


def result(record: Record) -> str:
    """Status, and which error."""
    return f"{record['status']} {record['error_type'] or ''}".rstrip()


def queue(record: Record) -> str:
    """Milliseconds since a gateway had it."""
    return "" if record["queue_ms"] is None else f"{record['queue_ms']:.0f}"


COLUMNS: dict[str, Callable[[Record], str]] = {
    "time": local_time,
    "id": lambda record: record["correlation_id"] or record["request_id"],
    "model": lambda record: record["model"],
    "task": lambda record: record["task"] or "",
    "status": result,
    "texts": lambda record: str(record["texts"]),
    "tokens": lambda record: str(record["tokens"]),
    "batch": lambda record: str(record["batch"]),
    "queue ms": queue,
    "ms": lambda record: f"{record['total_ms']:.1f}",
    "of which": stages,
}
