"""The verb `top`: what a running server does right now."""

from __future__ import annotations

from typing import Annotated

import typer

from scripts.console import out, print_json
from scripts.server import listing
from scripts.verbs.options import Json, Port


def top(
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=1, help="span over which rates are taken; counters are written once a second"),
    ] = 5,
    only_once: Annotated[
        bool,
        typer.Option("--once", help="measure one span, print it and end; so it is with --json or without a terminal"),
    ] = False,
    inference_port: Port = None,
    as_json: Json = False,
) -> None:
    """Show what models and workers do, each second until interrupted.

    Example: scripts/bert top
    """
    from scripts.top import screen, watch

    server = listing.find(inference_port)
    if not (only_once or as_json) and out.is_terminal:
        watch.watch(server, seconds)
        return
    span = watch.once(server, seconds)
    if as_json:
        print_json(screen.as_json(server, span, seconds))
    else:
        out.print(screen.show(server, span, seconds))
