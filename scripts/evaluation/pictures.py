"""Pictures as SVG, which a page holds without anything from elsewhere: each has its size, and may stand by others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10
from unicodedata import east_asian_width

import numpy as np
from numpy.typing import NDArray

from scripts.evaluation.bootstrap import Interval
from scripts.load.report import COLORS, short

GREY = "#555"
FRAME = 'font-family="sans-serif" style="background:white"'
PLOT = 420
"""Width of what has an axis."""
MARGIN = 60
SLACK = 1e-9
"""By which a quotient may miss a whole number."""


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


def titled(title: str, width: int, height: int, parts: Iterable[str]) -> Picture:
    """A picture with its title above, for which it is wide enough."""
    heading = f'<text x="16" y="24" font-size="15">{escape(title)}</text>'
    return Picture(max(width, 32 + 9 * letters(title)), height, "\n".join([heading, *parts]))


def histogram(values: NDArray[np.float64], title: str, bins: int = 30, between: Interval | None = None) -> Picture:
    """How often values are in each of some ranges of the same width, `between` two numbers or where there are any."""
    counts, edges = np.histogram(values, bins, between)
    wide, tall = PLOT / bins, 140 / max(int(counts.max()), 1)
    parts = [
        rect(MARGIN + number * wide, 180 - count * tall, wide - 1, count * tall, COLORS[0])
        for number, count in enumerate(counts.tolist())
    ]
    parts += [words(MARGIN - 6, 46, str(int(counts.max())), "end"), words(MARGIN - 6, 184, "0", "end")]
    return titled(title, MARGIN + PLOT + MARGIN, 210, parts + axis(float(edges[0]), float(edges[-1]), 180))


def bars(values: Sequence[tuple[str, float]], title: str) -> Picture:
    """A bar for each name, with its number."""
    most, left = max(value for _, value in values), room(name for name, _ in values)
    parts = []
    for number, (name, value) in enumerate(values):
        top = 40 + number * 26
        wide = PLOT * value / most if most else 0
        parts += [words(left - 6, top + 14, name, "end"), rect(left, top, wide, 18, COLORS[number % len(COLORS)])]
        parts.append(words(left + wide + 6, top + 14, short(value)))
    return titled(title, left + PLOT + MARGIN, 50 + len(values) * 26, parts)


def intervals(figures: Mapping[str, Sequence[tuple[float, Interval]]], names: Sequence[str], title: str) -> Picture:
    """A point for each figure of each name, with its interval as a line; what is not defined is left out.

    Figures are shares, from 0 to 1, or correlations, from -1 to 1, and so is the axis.
    """
    ends = [end for row in figures.values() for value, between in row for end in (value, *between) if isfinite(end)]
    low, high = padded(min(ends, default=0), max(ends, default=1))
    low, high = max(low, -1.0 if min(ends, default=0) < 0 else 0.0), min(high, 1.0)
    left, step = room(figures), 14 * len(names) + 10
    parts = []
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
    width = left + max(PLOT + MARGIN, room(names))
    return titled(title, width, bottom + 40 + len(names) * 18, parts)


def matrix(counts: Sequence[Sequence[int]], names: Sequence[str], title: str) -> Picture:
    """Numbers in squares, darker for a greater share of their row."""
    left, side = room(names), 44
    parts = []
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
    return titled(title, left + len(names) * side + MARGIN, below + room(names), parts)


def scatter(across: NDArray[np.float64], up: NDArray[np.float64], title: str) -> Picture:
    """A point for each pair of numbers."""
    (left, right), (low, high) = (padded(float(each.min()), float(each.max())) for each in (across, up))
    xs, ys = MARGIN + PLOT * (across - left) / (right - left), 300 - 250 * (up - low) / (high - low)
    points = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in zip(xs, ys, strict=True)]
    cloud = f'<g fill="{COLORS[0]}" fill-opacity="0.4">\n' + "\n".join(points) + "\n</g>"
    places = [(value, 304 - 250 * (value - low) / (high - low)) for value in round_numbers(low, high)]
    sides = [words(MARGIN - 6, y, f"{value:.10g}", "end", GREY) for value, y in places]
    return titled(title, MARGIN + PLOT + MARGIN, 340, [cloud, *sides, *axis(left, right, 304)])


def words(x: float, y: float, text: str, anchor: str = "start", color: str = "black") -> str:
    """A text that begins, ends or is centred at a point."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="12" fill="{color}">{escape(text)}</text>'


def rect(x: float, y: float, width: float, height: float, color: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>'


def axis(low: float, high: float, y: float, left: float = MARGIN) -> list[str]:
    """A line with a mark at each of some round numbers."""
    marks = [(left + PLOT * (value - low) / (high - low), value) for value in round_numbers(low, high)]
    ticks = "".join(f"M{x:.1f} {y}v4" for x, _ in marks)
    line = f'<path d="M{left} {y}H{left + PLOT}{ticks}" fill="none" stroke="{GREY}"/>'
    return [line, *(words(x, y + 16, f"{value:.10g}", "middle", GREY) for x, value in marks)]


def round_numbers(low: float, high: float) -> list[float]:
    """Two to seven of them in a range: multiples of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(high - low))
    step = next(power * each for each in (0.2, 0.5, 1, 2) if (high - low) / (power * each) <= 6)
    return [number * step for number in range(ceil(low / step - SLACK), floor(high / step + SLACK) + 1)]


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
    return max(MARGIN, 24 + 7 * max(map(letters, names), default=0))


def letters(text: str) -> int:
    """How many Latin ones are as wide as it."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def padded(low: float, high: float) -> Interval:
    """A range with some room at both ends; one without any width gets some."""
    gap = (high - low) * 0.05 or 0.5
    return low - gap, high + gap
