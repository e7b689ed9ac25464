"""The line below a drawing: how long the answer took, stage by stage, and how much was read; from its headers."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from handler.telemetry import STAGES

LEAST = 0.05
"""Milliseconds of a stage that is named."""


def timing(headers: Mapping[str, str], seconds: float) -> Text:
    """Times of stages are those of the whole batch that the request ran in; see `handler.telemetry`.

    Args:
        headers: of the response.
        seconds: from the request to the response.
    """
    spent = {name: float(headers.get(f"x-{name}-time", 0)) for name in STAGES}
    stages = ", ".join(f"{name} {time:.1f}" for name, time in spent.items() if time >= LEAST)
    tokens, cut = (int(headers.get(name, 0)) for name in ("x-tokens", "x-truncated"))
    drawn = Text(f"{1000 * seconds:.1f} ms" + (f": {stages}" if stages else ""), "dim")
    drawn.append(f"; {tokens} tokens" if tokens else "")
    return drawn.append(f"; {cut} {'text' if cut == 1 else 'texts'} cut off", "yellow not dim") if cut else drawn
