"""The dashboard as a picture without Grafana: `PYTHON tests/monitoring/draw.py http://127.0.0.1:9090 OUT.png`.

Reads the dashboard's JSON, asks Prometheus what Grafana would ask, and draws the same panels in the same places with
matplotlib, which is no dependency of the project: PYTHON is one that has it.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import matplotlib as mpl
from PIL import Image  # matplotlib brings it

mpl.use("agg")
from matplotlib import dates, pyplot, ticker

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.monitoring import dashboard

COLUMNS, UNIT = 24, 0.36  # of the grid, and inches of one of its rows
WIDTH, DPI, SHADES = 15.0, 80, 128
PAGE, CARD, LINES, TEXT = "#111217", "#181b1f", "#2c2f35", "#ccccdc"
COLORS = ("#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#f2495c", "#b877d9", "#37872d", "#8ab8ff", "#c0d8ff", "#e0b400")
STEP, INTERVAL = 5, "25s"
LARGE = ((1e9, "G"), (1e6, "M"), (1e3, "k"))

Line = tuple[str, list[float], list[float]]
"""A name, seconds since 1970, values."""


def main() -> None:
    """Ask and draw."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    end = time()
    draw(given.url, given.out, end - 60 * given.minutes, end)


def draw(url: str, out: Path, start: float, end: float) -> None:
    """All panels."""
    panels = dashboard.panels()
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    mpl.rcParams.update({"font.family": "DejaVu Sans", "font.size": 8, "text.color": TEXT, "axes.labelcolor": TEXT})
    figure = pyplot.figure(figsize=(WIDTH, rows * UNIT), facecolor=PAGE)
    for panel in panels:
        place = panel["gridPos"]
        box = (place["x"] / COLUMNS, 1 - (place["y"] + place["h"]) / rows, place["w"] / COLUMNS, place["h"] / rows)
        if panel["type"] == "row":
            figure.text(box[0] + 0.006, box[1] + box[3] / 2, f"▾ {panel['title']}", size=10, va="center", weight="bold")
        else:
            lines = list(asked(url, panel, start, end))
            KINDS[panel["type"]](figure, box, rows, panel, lines, (start, end))
    figure.savefig(out, dpi=DPI, facecolor=PAGE)
    Image.open(out).convert("RGB").quantize(SHADES).save(out, optimize=True)


def asked(url: str, panel: dict[str, Any], start: float, end: float) -> Iterator[Line]:
    """What Prometheus says to the queries of a panel; what is no number is left out."""
    for target in panel["targets"]:
        query = dashboard.chosen(target["expr"], INTERVAL)
        words = urlencode({"query": query, "start": start, "end": end, "step": STEP})
        with urlopen(f"{url}/api/v1/query_range?{words}") as answer:
            found = json.load(answer)["data"]["result"]
        for series in found:
            points = [(at, float(value)) for at, value in series["values"] if value not in {"NaN", "+Inf"}]
            if points:
                name = dashboard.named(target["legendFormat"], series["metric"])
                yield name, [at for at, _ in points], [value for _, value in points]


def card(figure: Any, box: tuple[float, ...], rows: int, panel: dict[str, Any]) -> tuple[float, float, float, float]:
    """A panel's ground and title; the place inside."""
    gap_x, gap_y = 0.003, 0.12 / rows
    x, y, width, height = box[0] + gap_x, box[1] + gap_y, box[2] - 2 * gap_x, box[3] - 2 * gap_y
    look = {"facecolor": CARD, "edgecolor": LINES, "zorder": -1}
    ground = pyplot.Rectangle((x, y), width, height, transform=figure.transFigure, **look)
    figure.add_artist(ground)
    figure.text(x + 0.006, y + height - 0.35 / rows, panel["title"], size=9, va="top", weight="bold")
    return x, y, width, height


def timeseries(figure: Any, box: Any, rows: int, panel: dict[str, Any], lines: list[Line], span: Any) -> None:
    """Lines over time, stacked or not, with their names below."""
    x, y, width, height = card(figure, box, rows, panel)
    axes = figure.add_axes((x + 0.036, y + 1.75 / rows, width - 0.046, height - 3.1 / rows), facecolor=CARD)
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    stacked = custom["stacking"]["mode"] == "normal"
    below: dict[float, float] = {}
    for color, (name, times, values) in zip(COLORS * 4, lines, strict=False):
        base = [below.get(at, 0.0) if stacked else 0.0 for at in times]
        top = [low + value for low, value in zip(base, values, strict=True)]
        below.update(zip(times, top, strict=True))
        moments = [datetime.fromtimestamp(at) for at in times]
        axes.plot(moments, top, color=color, linewidth=1, label=name or panel["title"])
        axes.fill_between(moments, base, top, color=color, alpha=custom["fillOpacity"] / 100, linewidth=0)
    finish(axes, defaults, span, max(below.values(), default=0.0))
    if lines:
        columns = 3 if width < 0.3 else 5
        if max(len(name) for name, *_ in lines) > 15:
            columns -= 1
        place = (-0.02, -0.14)
        axes.legend(loc="upper left", bbox_to_anchor=place, ncol=columns, frameon=False, fontsize=7, columnspacing=1.2)


def finish(axes: Any, defaults: dict[str, Any], span: tuple[float, float], highest: float) -> None:
    """Axes as Grafana has them."""
    axes.set_xlim(*map(datetime.fromtimestamp, span))
    axes.set_ylim(bottom=0, top=defaults.get("max"))
    if not highest and "max" not in defaults:
        axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(dates.MinuteLocator(interval=2))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.yaxis.set_major_locator(ticker.MaxNLocator(5))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: written(value, defaults["unit"])))
    axes.grid(color=LINES, linewidth=0.6)
    axes.tick_params(colors=TEXT, length=0, labelsize=7)
    for side in axes.spines.values():
        side.set_visible(False)
    if not axes.lines:
        axes.text(0.5, 0.5, "No data", transform=axes.transAxes, ha="center", va="center", size=10, color="#8e8e8e")


def stat(figure: Any, box: Any, rows: int, panel: dict[str, Any], lines: list[Line], span: Any) -> None:
    """The last value, over its past."""
    x, y, width, height = card(figure, box, rows, panel)
    text, color = "No data", "#8e8e8e"
    if lines:
        _, times, values = lines[0]
        text, color = written(values[-1], panel["fieldConfig"]["defaults"]["unit"]), COLORS[0]
        axes = figure.add_axes((x, y, width, height * 0.4), facecolor="none")
        axes.fill_between(times, 0, values, color=color, alpha=0.25, linewidth=0)
        axes.plot(times, values, color=color, linewidth=1)
        axes.set_ylim(bottom=0)
        axes.set_xlim(*span)
        axes.axis("off")
    figure.text(x + width / 2, y + height * 0.52, text, size=20, ha="center", va="center", color=color, weight="bold")


KINDS = {"timeseries": timeseries, "stat": stat}
UNITS = {"reqps": " req/s", "cps": "/s"}


def written(value: float, unit: str) -> str:
    """A number with its unit, as Grafana shortens it."""
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s" and value:
        return f"{value:.3g} s" if value >= 1 else f"{1e3 * value:.3g} ms" if value >= 1e-3 else f"{1e6 * value:.3g} µs"
    for size, letter in LARGE:
        if value >= size:
            return f"{value / size:.3g} {letter}{UNITS.get(unit, '')}"
    return f"{value:.3g}{UNITS.get(unit, '')}"


if __name__ == "__main__":
    main()
