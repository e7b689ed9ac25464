"""Pictures as SVG, which a page holds without anything from elsewhere: each has its size, and may stand by others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from scripts.evaluation.bootstrap import Interval
from scripts.load.report import COLORS, short

GREY = "#555"
FRAME = 'font-family="sans-serif" style="background:white"'
PLOT = 420
"""Width of what has an axis."""
MARGIN = 60


@dataclass(frozen=True, slots=True)
class Picture:
    """Elements of SVG, and the space they take."""

    width: int
    height: int
    body: str

    def svg(self) -> str:
        """As a whole document, or a part of a page."""
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FRAME}>\n{self.body}\n</svg>\n'


def stacked(pictures: Sequence[Picture]) -> Picture:
    """One below the other."""
    tops = np.cumsum([0, *(picture.height for picture in pictures)])
    moved = [
        f'<g transform="translate(0 {top})">\n{each.body}\n</g>' for top, each in zip(tops, pictures, strict=False)
    ]
    return Picture(max(picture.width for picture in pictures), int(tops[-1]), "\n".join(moved))


def histogram(values: NDArray[np.float64], title: str, bins: int = 30) -> Picture:
    """How often values are in each of some ranges of the same width."""
    counts, edges = np.histogram(values, bins)
    wide, tall = PLOT / bins, 140 / max(int(counts.max()), 1)
    parts = [heading(title)]
    parts += [
        rect(MARGIN + number * wide, 180 - count * tall, wide - 1, count * tall, COLORS[0])
        for number, count in enumerate(counts.tolist())
    ]
    parts += [words(MARGIN - 6, 46, str(int(counts.max())), "end"), words(MARGIN - 6, 184, "0", "end")]
    return Picture(MARGIN + PLOT + MARGIN, 210, "\n".join(parts + axis(float(edges[0]), float(edges[-1]), 180)))


def bars(values: Sequence[tuple[str, float]], title: str) -> Picture:
    """A bar for each name, with its number."""
    most, left = max(value for _, value in values), room(name for name, _ in values)
    parts = [heading(title)]
    for number, (name, value) in enumerate(values):
        top = 40 + number * 26
        wide = PLOT * value / most if most else 0
        parts += [words(left - 6, top + 14, name, "end"), rect(left, top, wide, 18, COLORS[number % len(COLORS)])]
        parts.append(words(left + wide + 6, top + 14, short(value)))
    return Picture(left + PLOT + MARGIN, 50 + len(values) * 26, "\n".join(parts))


def intervals(figures: Mapping[str, Sequence[tuple[float, Interval]]], names: Sequence[str], title: str) -> Picture:
    """A point for each figure of each name, with its interval as a line; what is not defined is left out."""
    ends = [end for row in figures.values() for value, between in row for end in (value, *between) if isfinite(end)]
    low, high = padded(min(ends, default=0), max(ends, default=1))
    left, step = room(figures), 14 * len(names) + 10
    parts = [heading(title)]
    for place, (figure, row) in enumerate(figures.items()):
        top = 44 + place * step
        parts.append(words(left - 6, top + step / 2 - 4, figure, "end"))
        for number, (value, between) in enumerate(row):
            if isfinite(value):
                y, color = top + 7 + number * 14, COLORS[number % len(COLORS)]
                x, start, stop = (left + PLOT * (each - low) / (high - low) for each in (value, *between))
                parts.append(f'<path d="M{start:.1f} {y}H{stop:.1f}" stroke="{color}" stroke-width="2"/>')
                parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="4" fill="{color}"/>')
    bottom = 50 + len(figures) * step
    parts += axis(low, high, bottom, left) + legend(names, bottom + 40, left)
    return Picture(left + PLOT + MARGIN, bottom + 40 + len(names) * 18, "\n".join(parts))


def matrix(counts: Sequence[Sequence[int]], names: Sequence[str], title: str) -> Picture:
    """Numbers in squares, darker for a greater share of their row."""
    left, side = room(names), 44
    parts = [heading(title)]
    for line, row in enumerate(counts):
        top = 50 + line * side
        parts.append(words(left - 6, top + side / 2 + 4, names[line], "end"))
        for column, count in enumerate(row):
            share = count / max(sum(row), 1)
            color = f'fill="{COLORS[0]}" fill-opacity="{share:.2f}" stroke="#ddd"'
            parts.append(f'<rect x="{left + column * side}" y="{top}" width="{side}" height="{side}" {color}/>')
            ink = "white" if share > 0.6 else "black"
            parts.append(words(left + (column + 0.5) * side, top + side / 2 + 4, str(count), "middle", ink))
    below = 50 + len(names) * side + 12
    for column, name in enumerate(names):
        x = left + (column + 0.5) * side
        turn = f'transform="rotate(-40 {x:.0f} {below})"'
        parts.append(f'<text x="{x:.0f}" y="{below}" font-size="12" text-anchor="end" {turn}>{escape(name)}</text>')
    return Picture(left + len(names) * side + MARGIN, below + room(names), "\n".join(parts))


def scatter(across: NDArray[np.float64], up: NDArray[np.float64], title: str) -> Picture:
    """A point for each pair of numbers."""
    (left, right), (low, high) = (padded(float(each.min()), float(each.max())) for each in (across, up))
    xs, ys = MARGIN + PLOT * (across - left) / (right - left), 300 - 250 * (up - low) / (high - low)
    points = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in zip(xs, ys, strict=True)]
    cloud = f'<g fill="{COLORS[0]}" fill-opacity="0.4">\n' + "\n".join(points) + "\n</g>"
    sides = [words(MARGIN - 6, 304, f"{low:.3g}", "end"), words(MARGIN - 6, 54, f"{high:.3g}", "end")]
    return Picture(MARGIN + PLOT + MARGIN, 340, "\n".join([heading(title), cloud, *sides, *axis(left, right, 304)]))


def heading(title: str) -> str:
    """Above a picture."""
    return f'<text x="16" y="24" font-size="15">{escape(title)}</text>'


def words(x: float, y: float, text: str, anchor: str = "start", color: str = "black") -> str:
    """A text that begins, ends or is centred at a point."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="12" fill="{color}">{escape(text)}</text>'


def rect(x: float, y: float, width: float, height: float, color: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>'


def axis(low: float, high: float, y: float, left: float = MARGIN) -> list[str]:
    """A line with the numbers at its ends and in its middle."""
    line = f'<path d="M{left} {y}H{left + PLOT}" stroke="{GREY}"/>'
    marks = [(share, low + share * (high - low)) for share in (0, 0.5, 1)]
    return [line, *(words(left + PLOT * share, y + 16, f"{value:.5g}", "middle", GREY) for share, value in marks)]


def legend(names: Sequence[str], y: float, left: float) -> list[str]:
    """Which color is whose."""
    return [
        part
        for number, name in enumerate(names)
        for part in (
            rect(left, y + number * 18 - 10, 12, 12, COLORS[number % len(COLORS)]),
            words(left + 18, y + number * 18, name),
        )
    ]


def room(names: Iterable[str]) -> int:
    """The width that names need."""
    return max(MARGIN, 24 + 7 * max(map(len, names), default=0))


def padded(low: float, high: float) -> Interval:
    """A range with some room at both ends; one without any width gets some."""
    gap = (high - low) * 0.05 or 0.5
    return low - gap, high + gap
