"""The dashboard as Grafana would use it: its panels, and its queries with everything chosen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "config" / "grafana" / "dashboard.json"
LABEL = re.compile(r"{{(\w+)}}")


def panels() -> list[dict[str, Any]]:
    """All of them, titles of rows among them."""
    found: list[dict[str, Any]] = json.loads(FILE.read_text())["panels"]
    return found


def row(title: str) -> set[str]:
    """Titles of the panels below that title."""
    found, current = set(), ""
    for panel in panels():
        if panel["type"] == "row":
            current = panel["title"]
        elif current == title:
            found.add(panel["title"])
    return found


def chosen(expression: str, interval: str) -> str:
    """A query with everything chosen and that `$__rate_interval`."""
    for name, value in {"$model": ".*", "$instance": ".*", "$__rate_interval": interval}.items():
        expression = expression.replace(name, value)
    return expression


def labels(legend: str) -> list[str]:
    """Whose values a series is named after."""
    return LABEL.findall(legend)


def named(legend: str, values: dict[str, str]) -> str:
    """A series, as its legend says; `__auto` is nothing where there is one series."""
    return "" if legend == "__auto" else LABEL.sub(lambda found: values.get(found[1], ""), legend)
