"""Results as a table on the terminal, as JSON, and as a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.table import Table

COLUMNS = {
    "name": "server",
    "in_flight": "in flight",
    "rate": "rate /s",
    "requests_per_second": "req/s",
    "texts_per_second": "texts/s",
    "tokens_per_second": "tokens/s",
    "p50_ms": "p50 ms",
    "p90_ms": "p90 ms",
    "p99_ms": "p99 ms",
    "useful_gflops": "GFLOP/s",
    "share_of_sgemm": "of peak GEMM",
    "texts_per_second_ratio": "ours / peer, texts/s",
    "p50_ms_ratio": "ours / peer, p50",
    "errors": "errors",
}


def table(rows: Sequence[dict[str, Any]], columns: dict[str, str] | None = None) -> Table:
    """One line per measurement; columns that no row has are left out."""
    titles = columns or COLUMNS
    shown = [key for key in titles if any(key in row for row in rows)]
    lines = Table(*(titles[key] for key in shown))
    for row in rows:
        lines.add_row(*(cell(row.get(key, "")) for key in shown))
    return lines


def cell(value: Any) -> str:
    """A value in few characters."""
    if isinstance(value, dict):
        return ", ".join(f"{count} x {name}" for name, count in value.items()) or "0"
    return (
        f"{value:.4g}"
        if isinstance(value, float) and value < 1000
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )


def save(result: dict[str, Any], file: Path) -> None:
    """Write JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


def chart(rows: Sequence[dict[str, Any]], title: str, caption: str, file: Path) -> None:
    """Texts per second over concurrency: one group per concurrency, one bar per server."""
    ordered = sorted(rows, key=lambda row: row["in_flight"])
    found = {(f"{row['in_flight']} in flight", row["name"]): row["texts_per_second"] for row in ordered}
    bars(found, list(dict.fromkeys(row["name"] for row in rows)), title, caption, file)


def bars(found: Mapping[tuple[str, str], float], names: Sequence[str], title: str, caption: str, file: Path) -> None:
    """Grouped bars as SVG.

    Args:
        found: (group, name) -> value, groups in order.
        names: of the bars, in order.
        title: above.
        caption: below.
        file: to write.
    """
    groups, most = list(dict.fromkeys(group for group, _ in found)), max(found.values())
    height, bar, wide = 300, 30, len(names) * 34 + 40
    parts = [f'<text x="16" y="24" font-size="15">{title}</text>']
    for column, group in enumerate(groups):
        parts.append(f'<text x="{60 + column * wide}" y="{height + 18}" font-size="12">{group}</text>')
        for number, name in enumerate(names):
            value = found.get((group, name))
            if value is None:
                continue
            tall = (height - 60) * value / most
            x, y = 60 + column * wide + number * 34, height - tall
            parts.append(f'<rect x="{x}" y="{y:.1f}" width="{bar}" height="{tall:.1f}" fill="{COLORS[number]}"/>')
            parts.append(f'<text x="{x}" y="{y - 4:.1f}" font-size="11">{short(value)}</text>')
    for number, name in enumerate(names):
        y = height + 40 + number * 18
        parts.append(f'<rect x="16" y="{y - 10}" width="12" height="12" fill="{COLORS[number]}"/>')
        parts.append(f'<text x="34" y="{y}" font-size="12">{name}</text>')
    bottom = height + 50 + len(names) * 18
    parts.append(f'<text x="16" y="{bottom}" font-size="11" fill="#555">{caption}</text>')
    size = f'width="{max(90 + len(groups) * wide, 560)}" height="{bottom + 16}"'
    style = 'font-family="sans-serif" style="background:white"'
    body = "\n".join(parts)
    file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{body}\n</svg>\n')


def short(value: float) -> str:
    """In the width of a bar."""
    return f"{value:.0f}" if value < 10_000 else f"{value / 1000:.0f}k" if value < 1e6 else f"{value / 1e6:.1f}M"


COLORS = ("#1b7f5c", "#8a9ba8", "#c06c3e", "#5a6fb0", "#a05195", "#d1a730", "#3f8fb5", "#6b4e3d")
