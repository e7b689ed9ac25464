"""The verb `slow`: which requests took long, and which failed."""

from __future__ import annotations

from typing import Annotated

import typer

from scripts.console import print_json
from scripts.server import listing, notable
from scripts.verbs.options import Json, Port


def slow(
    inference_port: Port = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="number of requests to show of each kind")] = 10,
    as_json: Json = False,
) -> None:
    """Show the slowest requests since the start of the server, and the last ones that failed.

    Example: scripts/bert slow --json
    """
    found = notable.read(listing.find(inference_port).notable, lines)
    if as_json:
        print_json(found)
    else:
        for title, records in found.items():
            notable.show(title, records)
