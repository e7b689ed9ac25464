"""What the Tab key offers: names of archives, of models and tasks that are served, and ports of servers."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from scripts.console import Failure
from scripts.paths import MODEL_STORE
from scripts.server import inference, listing

PATIENCE = 2.0
"""Seconds for a server to answer."""


def archives(incomplete: str) -> list[str]:
    """Names of archives in the model store."""
    store = Path(os.environ.get("BERT_MODEL_STORE", MODEL_STORE))
    return sorted(file.stem for file in store.glob("*.mar") if file.stem.startswith(incomplete))


def models(incomplete: str) -> list[str]:
    """Names of archives, and of models that are served: their archives may have gone."""
    served = {name for server in listing.prune_and_list() for name in server.models if name.startswith(incomplete)}
    return sorted(served.union(archives(incomplete)))


def ports(incomplete: str) -> list[str]:
    """Inference ports of the servers that run."""
    found = [str(server.inference_port) for server in listing.prune_and_list()]
    return [port for port in found if port.startswith(incomplete)]


def tasks(context: typer.Context, incomplete: str) -> list[str]:
    """What the model named before can do, as its server says; all tasks there are, where none says so."""
    from scripts.drawing.registry import DRAWINGS

    name = next(iter(context.args), "")  # where an option still lacks its value, all words before it are left here
    found = info(name, context.params.get("inference_port")).get("tasks") or DRAWINGS
    return sorted(task for task in found if task.startswith(incomplete))


def info(name: str, port: int | None) -> dict[str, list[str]]:
    """What a model says of itself; nothing where it is not served, or does not answer."""
    try:
        server = listing.find(port)
        if name not in server.models:
            return {}
        answer = inference.post(server, f"/predictions/{name}", {"task": "info"}, PATIENCE)
    except Failure:
        return {}
    return inference.decoded(answer) if answer.ok else {}
