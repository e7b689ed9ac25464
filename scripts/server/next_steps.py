"""What to do with a server that runs: its addresses, and the commands that come next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from scripts.server.state import Server, flag


def lines(server: Server, version: str | None) -> list[str]:
    """Aligned, ready to print; `version` is that of the first model, None for an archive of another project."""
    steps = list(pairs(server, version))
    width = max(len(title) for title, _ in steps) + 2
    return [f"  {title:<{width}}{what}" for title, what in steps]


def pairs(server: Server, version: str | None) -> Iterator[tuple[str, str]]:
    """What it is for, and the address or command."""
    name, port = server.models[0], flag(server.inference_port)
    for other in server.models[1:]:
        yield "also served", f"{server.inference}/predictions/{other}"
    if version:
        yield "OpenAI's clients", f"base_url={server.inference}/predictions/{name}/{version}/v1"
    yield "metrics", server.metrics
    yield "logs", shown(server.logs)
    if server.key_list:
        yield "keys", shown(Path(server.key_list))
    yield "your own model", "scripts/bert pack FOLDER --name NAME, then"
    yield "", f"scripts/bert start NAME{port}"
    yield "stop it with", f"scripts/bert stop{port}"


def page(server: Server, version: str | None) -> str:
    """A line that says where a person looks at the first model; empty for an archive of another project."""
    if not version:
        return ""
    name = server.models[0]
    return f"{name} in a browser: {server.inference}/predictions/{name}/{version}/ui"


def shown(path: Path) -> str:
    """A path from where the reader is, if it lies below."""
    here = Path(os.getcwd())
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
