"""Lines over an axis, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from pathlib import Path

from scripts.load.report import COLORS

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 600, 60, 580, 44, 280
"""Of the picture, and of the field inside its axes, in pixels."""
ROOM = 2.5  # the axis ends at so many times the wish, where values are higher

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """Points from left to right; without a name it has the color of the line before it, and no legend."""

    name: str
    points: Points
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn.

    Attributes:
        title: above.
        lines: in order.
        across: name of the axis, and a value to mark on it.
        up: the same of the other axis.
    """

    title: str
    lines: Sequence[Line]
    across: tuple[str, float]
    up: tuple[str, float]

    def save(self, file: Path) -> None:
        """Write it."""
        named = sum(bool(line.name) for line in self.lines)
        size = f'width="{WIDTH}" height="{BOTTOM + 56 + 18 * named}"'
        style = 'font-family="sans-serif" font-size="12" style="background:white"'
        body = "\n".join(self.parts())
        file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{body}\n</svg>\n')

    def parts(self) -> Iterator[str]:
        """Axes, marks, lines and legend."""
        right = 1.05 * max([self.across[1], *(x for line in self.lines for x, _ in line.points)])
        top = min(1.1 * max([self.up[1], *(y for line in self.lines for _, y in line.points)]), ROOM * self.up[1])
        field = Field(right, top)
        yield f'<text x="16" y="24" font-size="15">{escape(self.title)}</text>'
        yield from field.axes(self.across[0], self.up[0])
        yield field.path([(self.across[1], 0), (self.across[1], top)], "#555", "2 4")
        yield field.path([(0, self.up[1]), (right, self.up[1])], "#555", "2 4")
        color, legend = -1, 0
        for line in self.lines:
            color += bool(line.name)
            paint = COLORS[color]
            yield (
                field.dots(line.points, paint)
                if line.dots
                else field.path(line.points, paint, "6 4" if line.dashed else "")
            )
            if line.name:
                y = BOTTOM + 52 + 18 * legend
                legend += 1
                yield f'<rect x="16" y="{y - 10}" width="12" height="12" fill="{paint}"/>'
                yield f'<text x="34" y="{y}">{escape(line.name)}</text>'


@dataclass(frozen=True, slots=True)
class Field:
    """The part inside the axes, which begin at 0 and end at `right` and `top`."""

    right: float
    top: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """In pixels; what is too high lies on the upper edge."""
        across, up = x / self.right, min(1.0, y / self.top)
        return LEFT + across * (RIGHT - LEFT), BOTTOM - up * (BOTTOM - TOP)

    def path(self, points: Points, color: str, dashes: str) -> str:
        """Straight lines from point to point."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place(*point) for point in points))
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        return f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="1.6"{dashed}/>'

    def dots(self, points: Points, color: str) -> str:
        """A circle at each point."""
        places = (self.place(*point) for point in points)
        return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>' for x, y in places)

    def axes(self, across: str, up: str) -> Iterator[str]:
        """With round numbers."""
        yield f'<path d="M{LEFT},{TOP} V{BOTTOM} H{RIGHT}" fill="none" stroke="#000"/>'
        yield f'<text x="{RIGHT}" y="{BOTTOM + 32}" text-anchor="end">{escape(across)}</text>'
        yield f'<text x="{LEFT}" y="{TOP - 6}" text-anchor="end">{escape(up)}</text>'
        for value in ticks(self.right):
            yield f'<text x="{self.place(value, 0)[0]:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{value:g}</text>'
        for value in ticks(self.top):
            yield f'<text x="{LEFT - 6}" y="{self.place(0, value)[1] + 4:.1f}" text-anchor="end">{value:g}</text>'


def ticks(most: float) -> list[float]:
    """Four to nine round numbers from 0 on."""
    step = 10 ** floor(log10(most))
    while most / step < 4:
        step /= 2 if most / step >= 2 else 5
    return [number * step for number in range(int(most / step) + 1)]
