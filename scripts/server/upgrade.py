"""Moves a running model to another version and back, while clients go on asking: `bert upgrade`, `bert rollback`.

The new version is loaded beside the old one, asked, and then answers by default. The old one keeps one worker: it
answers at addresses that carry its version, and can take over again at once, until it is retired: by `bert retire`, or
by the next upgrade.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from scripts.console import Failure, step
from scripts.server import again, management, own_store, preflight, scaling, versions
from scripts.server.comparison import Comparison, compare
from scripts.server.state import Loaded, Server

T = TypeVar("T")
KEPT_WORKERS = 1
"""Of the version that answered before."""


def upgrade(
    server: Server, model: str, archive: Path, timeout: float = 300, texts: Sequence[str] = ()
) -> tuple[Loaded, Comparison | None]:
    """Let another version answer.

    Args:
        server: a running server.
        model: name of the model.
        archive: of the other version.
        timeout: seconds for its workers to start, and for the old ones to finish.
        texts: to compare the answers of both versions by.

    Returns:
        The version that answers now, and how far it is from the one before.

    Raises:
        Failure: the new version does not start or answers wrongly; nothing was changed.
    """
    preflight.check_archive(archive, None, server.key_list is not None)
    before, workers = answering(server, model)

    def change() -> tuple[Loaded, Comparison | None]:
        with step(f"starting version {own_store.version(archive)} of {model}"):
            loaded = versions.bring_up(server, model, archive, workers, timeout)
        try:
            compared = compare(server, model, (before.version, loaded.version), texts) if texts else None
            versions.answer_by_default(server, model, loaded.version)
        except BaseException:
            versions.take_down(server, model, loaded)
            raise
        return loaded, compared

    loaded, compared = again.patiently(server, model, change, timeout)
    remember(server, model, loaded, before)
    with again.told(server, model), step(f"version {before.version} finishes what it has"):
        scaling.scale(server, model, KEPT_WORKERS, timeout, before.version)
        if model in server.previous:  # two at a time: a third would take memory for its address alone
            unload(server, model, server.previous[model], timeout)
    return loaded, compared


def rollback(server: Server, model: str, timeout: float = 300) -> Loaded:
    """Let the version before answer again, at once; then give it as many workers as the other has.

    Raises:
        Failure: there is none.
    """
    newer, workers = answering(server, model)
    older = previous(server, model)
    again.patiently(server, model, lambda: versions.answer_by_default(server, model, older.version), timeout)
    remember(server, model, older, newer)
    with again.told(server, model):
        scaling.scale(server, model, workers, timeout, older.version)
        scaling.scale(server, model, KEPT_WORKERS, timeout, newer.version)
    return older


def retire(server: Server, model: str, timeout: float = 300) -> Loaded:
    """Unload the version that answered before; from then on its address says that it does not exist.

    Raises:
        Failure: there is none.
    """
    older = previous(server, model)
    server.change(lambda now: replace(now, previous=without(now.previous, model)))
    try:
        unload(server, model, older, timeout)
    except BaseException:
        server.change(lambda now: replace(now, previous=now.previous | {model: older}))
        raise
    return older


def add(server: Server, model: str, archive: Path, workers: int | None, timeout: float = 300) -> Server:
    """Load another model into a running server, with as many workers as its archive says if no number is given.

    Raises:
        Failure: it does not start or answers wrongly; nothing was changed.
    """
    preflight.check_archive(archive, None, server.key_list is not None)
    with step(f"starting {model}"):
        loaded = again.patiently(
            server, model, lambda: versions.bring_up(server, model, archive, workers, timeout), timeout
        )
    return server.change(
        lambda now: replace(now, models=[*now.models, model], answering=now.answering | {model: loaded})
    )


def answering(server: Server, model: str) -> tuple[Loaded, int]:
    """The version of a model that answers by default, and how many workers it has.

    Raises:
        Failure: the server has no such model.
    """
    if model not in server.answering:
        raise Failure(
            f"the server on port {server.inference_port} serves {', '.join(server.models)} and not {model}",
            fix=f"scripts/bert start {model} adds it",
        )
    return server.answering[model], len(management.describe(server, model)["workers"])


def previous(server: Server, model: str) -> Loaded:
    """The version that answered before.

    Raises:
        Failure: there is none.
    """
    if model not in server.previous:
        raise Failure(
            f"no version of {model} answered before the one that does, or it was retired",
            fix=f"scripts/bert upgrade {model} ARCHIVE",
        )
    return server.previous[model]


def unload(server: Server, model: str, loaded: Loaded, timeout: float) -> None:
    """End a version's workers when they are done, and the version."""
    scaling.scale(server, model, 0, timeout, loaded.version)
    versions.take_down(server, model, loaded)


def remember(server: Server, model: str, active: Loaded, before: Loaded) -> None:
    """Write down which version answers, for when Java has to be started again, and which is the other; no canary."""
    server.change(
        lambda now: replace(
            now,
            answering=now.answering | {model: active},
            previous=now.previous | {model: before},
            canary=without(now.canary, model),
        )
    )


def without(versions: Mapping[str, T], model: str) -> dict[str, T]:
    """Those of the other models."""
    return {name: version for name, version in versions.items() if name != model}
