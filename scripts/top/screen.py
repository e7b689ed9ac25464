"""Rows as tables for the terminal, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from scripts.server import report
from scripts.server.state import Server
from scripts.top.moments import Row, Span

NOTHING = "-"
BAR = 20  # characters
FULL, SMALLEST = 0.9, 0.005
"""Shares of time: beyond the first there is little room left, below the second a stage is not worth a word."""
PLAIN: dict[str, Any] = {"box": SIMPLE_HEAD, "pad_edge": False, "padding": (0, 1, 0, 0)}
STATUS = {"READY": "green"}
COLUMNS = (
    "req\n/s",
    "err\n/s",
    "p50\nms",
    "p99\nms",
    "queue",
    "wait\nms",
    "batch",
    "text\n/s",
    "token\n/s",
    "re-\nstarts",
)
"""In two lines, so that they fit into 80 columns."""


def show(server: Server, span: Span, seconds: float) -> RenderableType:
    """Everything, top to bottom."""
    head = f"{server.inference}  pid {server.pid}, {report.resident(server.pid)} MiB  rates over {seconds:g} s"
    line = Text(head, style="bold")
    if span.turned_away:
        line.append(f"  turned away {number(span.turned_away)}/s", style="red")
    return Group(line, models(span.rows), *(stages(row) for row in span.rows), workers(span.rows))


def models(rows: list[Row]) -> Table:
    """A line per model."""
    table = Table("model", "version", **PLAIN)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in rows:
        made, errors = row.figures, sum(row.figures.errors.values())
        table.add_row(
            row.model.name,
            row.model.version or row.model.error,
            number(made.requests),
            Text(number(errors), style="red" if errors else ""),
            number(made.p50_ms),
            number(made.p99_ms),
            str(row.model.waiting),
            number(made.queueing_ms),
            number(made.batch),
            number(made.texts),
            number(made.tokens),
            Text(str(made.restarts), style="red" if made.restarts else ""),
        )
    return table


def stages(row: Row) -> Text:
    """Where the time of a model's workers goes, the largest part first, and what its errors are."""
    busy = sum(row.figures.utilization.values())
    filled = round(BAR * min(busy, 1))
    line = Text(f" {row.model.name} ")
    line.append("█" * filled, style="yellow" if busy > FULL else "green")
    line.append("░" * (BAR - filled) + f" {busy:.0%} busy")
    for stage, share in sorted(row.figures.utilization.items(), key=lambda each: -each[1]):
        if share >= SMALLEST:
            line.append(f"  {stage} {share:.0%}")
    for kind, rate in sorted(row.figures.errors.items()):
        line.append(f"\n   {kind} {number(rate)}/s", style="red")
    return line


def workers(rows: list[Row]) -> Table:
    """A line per worker."""
    table = Table("model", "version", "worker", "pid", "status", **PLAIN)
    for name in ("CPU %", "MiB"):
        table.add_column(name, justify="right")
    for row in rows:
        for each, share in zip(row.model.workers, row.cpu, strict=True):
            status = Text(each.status, style=STATUS.get(each.status, "red"))
            cpu = NOTHING if share is None else f"{share:.0%}".rstrip("%")
            table.add_row(
                row.model.name, each.version, each.id, str(each.pid or NOTHING), status, cpu, str(each.memory_mib)
            )
    return table


def number(value: float | None) -> str:
    """Three digits or so."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"


def as_json(server: Server, span: Span, seconds: float) -> dict[str, Any]:
    """The same for programs."""
    return {
        "inference": server.inference,
        "pid": server.pid,
        "memory_mib": report.resident(server.pid),
        "seconds": seconds,
        "turned_away": span.turned_away,
        "models": [
            {
                "name": row.model.name,
                "version": row.model.version,
                "waiting": row.model.waiting,
                "error": row.model.error or None,
                **asdict(row.figures),
                "workers": [
                    asdict(each) | {"cpu": share} for each, share in zip(row.model.workers, row.cpu, strict=True)
                ],
            }
            for row in span.rows
        ],
    }
