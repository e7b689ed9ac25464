"""`config/grafana/dashboard.json`: the panels as Grafana 10 reads them.

Keys are those of `kinds/dashboard/dashboard_kind.cue` in Grafana's sources.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scripts.paths import CONFIG
from scripts.reference.panels import ROWS, Panel

FILE = CONFIG / "grafana" / "dashboard.json"
SCHEMA = 38  # of Grafana 10.0; later versions read it and migrate
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
HEIGHTS = {"stat": 4, "timeseries": 8}


def dashboard() -> str:
    """The file."""
    content = {
        "uid": "bert-on-torchserve",
        "title": "BERT on TorchServe",
        "tags": ["bert", "torchserve"],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "annotations": {"list": []},
        "templating": {"list": [source(), *(choice(*each) for each in CHOICES)]},
        "panels": list(placed()),
    }
    return json.dumps(content, indent=1) + "\n"


CHOICES = (
    ("model", "Model", "label_values(bert_requests, ModelName)"),
    ("instance", "Server", "label_values(bert_requests, instance)"),
)


def source() -> dict[str, Any]:
    """Which Prometheus is asked."""
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0}


def choice(name: str, label: str, query: str) -> dict[str, Any]:
    """A list of values from Prometheus, all of them at first."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }


def placed() -> Iterator[dict[str, Any]]:
    """Panels from left to right and top to bottom, with a title over each row of them."""
    number, y = 0, 0
    for title, panels in ROWS.items():
        if title:
            number += 1
            yield {
                "id": number,
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            }
            y += 1
        x = 0
        for panel in panels:
            height = HEIGHTS[panel.kind]
            if x + panel.width > COLUMNS:
                x, y = 0, y + height
            number += 1
            yield {"id": number, "gridPos": {"x": x, "y": y, "w": panel.width, "h": height}, **described(panel)}
            x += panel.width
        y += HEIGHTS[panels[-1].kind]


def described(panel: Panel) -> dict[str, Any]:
    """A panel without its place."""
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": SOURCE,
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": name or "__auto"}
            for index, (name, query) in enumerate(panel.queries.items())
        ],
        "fieldConfig": {"defaults": field(panel), "overrides": []},
        "options": OPTIONS[panel.kind],
    }


OPTIONS: dict[str, dict[str, Any]] = {
    "stat": {"colorMode": "value", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"], "values": False}},
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
}


def field(panel: Panel) -> dict[str, Any]:
    """Unit, bounds and the way lines are drawn."""
    lines = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if panel.stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
    }
    bounds = {"min": 0} if panel.top is None else {"min": 0, "max": panel.top}
    custom = {"custom": lines} if panel.kind == "timeseries" else {}
    return {"unit": panel.unit, **bounds, "color": {"mode": "palette-classic"}, **custom}
