"""Which models have a worker on some server, as HAProxy's map: KServe asks whether a single one is ready."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scripts.gateway import agents, maps, state
from scripts.gateway.settings import READY_MAP, Settings

FRESH = 10.0
"""Seconds for which an answer stands for those that come late, as they may under load."""


def write(settings: Settings, known: Sequence[str] = ()) -> None:
    """All models, until the servers have said how it is; of those that are `known`, the ones that had a worker."""
    file = settings.folder / READY_MAP
    before = maps.read(file) if file.exists() else lines(known)
    names = [model.name for model in settings.models]
    maps.write(
        file, [line for line, name in zip(lines(names), names, strict=True) if line in before or name not in known]
    )


def follow(folder: Path) -> None:
    """Tell HAProxy what has changed. A server that does not say which models have workers is taken to have all.

    Raises:
        OSError: HAProxy does not answer.
    """
    gateway, up = state.read(folder), agents.up(folder)
    if gateway is None or not up:  # it is being started; or nobody is ready, whatever the map says
        return
    said = [holding.working if holding else None for holding in agents.holdings([each.agent for each in up], FRESH)]
    with_workers = {model for working in said for model in working or ()}
    now = lines([model for model in gateway.models if None in said or model in with_workers])
    if now != maps.read(folder / READY_MAP):
        maps.exchange(folder, READY_MAP, now)


def lines(models: Sequence[str]) -> list[str]:
    """A map has values."""
    return [f"{model} ready" for model in models]
