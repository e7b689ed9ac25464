"""All ratios at a glance: a square for each cell and peer, in our colour where ours is the faster one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import log2

from benchmarks.peers.record import Row
from scripts.evaluation import pictures
from scripts.evaluation.pictures import GREY, Picture
from scripts.load.report import COLORS

WIDE, TALL, TOP = 96, 26, 84
AHEAD, BEHIND = COLORS[0], COLORS[2]
DARKEST = 1.0
"""Doublings at which a colour is at its darkest."""
LEVEL = 0.05
"""Ratios nearer to 1 than that have no colour."""
SHARE = "of the peak"


def grid(rows: Sequence[Row], title: str) -> Picture:
    """Cells by model down, peers by precision across; a ratio is our rate to theirs.

    Where rows have a share of the CPU's peak, that of ours is the first column of its precision, as a bar.
    """
    lines = list(dict.fromkeys((row["model"], row["cell"]) for row in rows))
    columns = list(dict.fromkeys((row["precision"], row["engine"]) for row in rows))
    if not any("share_of_peak" in row for row in rows):
        columns = [column for column in columns if column[1] != "ours"]
    left = pictures.room(f"{model}: {cell}" for model, cell in lines)
    parts = headings(columns, left)
    found = {(row["model"], row["cell"], row["precision"], row["engine"]): row for row in rows}
    for number, line in enumerate(lines):
        y = TOP + number * TALL
        parts.append(pictures.words(left - 8, y + 17, ": ".join(line), "end"))
        for place, column in enumerate(columns):
            parts += square(found.get((*line, *column), {}), left + place * WIDE, y)
    return pictures.titled(title, left + len(columns) * WIDE + 16, TOP + len(lines) * TALL + 16, parts)


def headings(columns: Sequence[tuple[str, str]], left: float) -> list[str]:
    """Precisions, and below them engines."""
    parts, last = [], ""
    for place, (precision, engine) in enumerate(columns):
        x = left + place * WIDE
        if precision != last:
            parts.append(f'<text x="{x:.0f}" y="50" font-size="13" font-weight="bold">{escape(precision)}</text>')
        last = precision
        name = SHARE if engine == "ours" else engine.removeprefix("Infinity, ")
        parts.append(f'<text x="{x:.0f}" y="70" font-size="11" fill="{GREY}">{escape(name)}</text>')
    return parts


def square(row: Row, x: float, y: float) -> list[str]:
    """One row's ratio or share; what was refused or does not run here is grey."""
    if "ours_to_theirs" in row:
        return ratio(float(row["ours_to_theirs"]), x, y)
    if "share_of_peak" in row:
        return share(float(row["share_of_peak"]), x, y)
    said = "refused" if "refused" in row else ""
    return [pictures.rect(x, y, WIDE - 3, TALL - 3, "#eee"), pictures.words(x + 6, y + 16, said, color=GREY)]


def ratio(value: float, x: float, y: float) -> list[str]:
    """Darker the farther it is from 1."""
    depth = min(abs(log2(value)) / DARKEST, 1) if abs(value - 1) >= LEVEL else 0
    color = f'fill="{AHEAD if value > 1 else BEHIND}" fill-opacity="{0.15 + 0.85 * depth if depth else 0:.2f}"'
    box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{WIDE - 3}" height="{TALL - 3}" stroke="#ddd" {color}/>'
    ink = "white" if depth > 0.5 else "black"
    return [box, pictures.words(x + (WIDE - 3) / 2, y + 16, f"{value:.2f}", "middle", ink)]


def share(value: float, x: float, y: float) -> list[str]:
    """As long as it is of the whole."""
    full = WIDE - 9
    bar = pictures.rect(x, y + 3, full * min(value, 1), TALL - 9, "#b8c4cc")
    frame = f'<rect x="{x:.1f}" y="{y + 3:.1f}" width="{full}" height="{TALL - 9}" fill="none" stroke="#b8c4cc"/>'
    return [bar, frame, pictures.words(x + 6, y + 16, f"{value:.2f}")]


def drawn(parts: Mapping[str, Sequence[Row]], caption: str) -> str:
    """A grid for each title that has rows, one below the other, as SVG."""
    grids = [grid(rows, title) for title, rows in parts.items() if rows]
    foot = Picture(0, 30, pictures.words(16, 16, caption, color=GREY))
    return pictures.stacked([*grids, foot]).svg()
