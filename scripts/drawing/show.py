"""A response to the terminal: its task's drawing, and below it where the time went."""

from __future__ import annotations

from typing import Any

import requests
from rich.console import Group, RenderableType

from scripts.console import out
from scripts.drawing.drawn import Ask, Drawn
from scripts.drawing.registry import DRAWINGS
from scripts.drawing.tasks import plain
from scripts.drawing.timing import timing
from scripts.server import inference
from scripts.server.state import Server


def show(server: Server, model: str, body: dict[str, Any], response: requests.Response) -> None:
    """Draw what the model answered.

    Args:
        server: what to ask for what an answer does not hold.
        model: its name.
        body: that was sent.
        response: without an error.
    """

    def ask(task: str, fields: dict[str, Any]) -> Any:
        answer = inference.post(server, f"/predictions/{model}", {**fields, "task": task})
        return inference.decoded(answer) if answer.ok else None

    out.print(drawing(body, response, ask), soft_wrap=False)


def drawing(body: dict[str, Any], response: requests.Response, ask: Ask) -> RenderableType:
    """The answer and the line below it. What the body leaves to the model's own task, `info` says."""
    fields = {**body, **(body.get("parameters") or {})}
    task = body.get("task") or (ask("info", {}) or {}).get("task", "")
    draw = DRAWINGS.get(task, plain.draw)
    below = timing(response.headers, response.elapsed.total_seconds())
    return Group(draw(Drawn(fields, inference.decoded(response), ask)), below)
