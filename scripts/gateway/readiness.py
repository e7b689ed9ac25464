"""Which models have a worker on some server, as HAProxy's map: KServe asks whether a single one is ready."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scripts.gateway import agents, maps, state
from scripts.gateway.settings import READY_MAP, Settings


def write(settings: Settings) -> None:
    """All of them, until the servers have said how it is."""
    maps.write(settings.folder / READY_MAP, lines(model.name for model in settings.models))


def follow(folder: Path) -> None:
    """Tell HAProxy what has changed. Servers that have no agent are taken to have workers for all.

    Raises:
        OSError: HAProxy does not answer.
    """
    gateway = state.read(folder)
    if gateway is None:  # it is being started
        return
    asked, silent = agents.up(folder)
    said = [] if silent else agents.holdings(asked)
    silent = silent or any(holding.working is None for holding in said)
    with_workers = {model for holding in said for model in holding.working or ()}
    now = lines(model for model in gateway.models if silent or model in with_workers)
    if now != maps.read(folder / READY_MAP):
        maps.exchange(folder, READY_MAP, now)


def lines(models: Iterable[str]) -> list[str]:
    """A map has values."""
    return [f"{model} ready" for model in models]
