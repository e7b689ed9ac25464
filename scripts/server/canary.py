"""A version that a gateway gives a share of the requests of, before it answers all: `bert upgrade --canary`.

Both versions have all their workers, and the old one stays TorchServe's default. Which request goes to which is
decided by the gateway, which reads what is remembered here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from scripts.console import Failure, step
from scripts.server import again, own_store, preflight, scaling, upgrade, versions
from scripts.server.comparison import Comparison, compare
from scripts.server.state import Canary, Loaded, Server


def begin(
    server: Server, model: str, archive: Path, percent: int, timeout: float = 300, texts: Sequence[str] = ()
) -> Comparison | None:
    """Load another version, and give it its share.

    Args:
        server: a running server with a gateway in front of it.
        model: name of the model.
        archive: of the other version.
        percent: of the requests.
        timeout: seconds for its workers to start.
        texts: to compare the answers of both versions by.

    Raises:
        Failure: a canary runs already, or the new version does not start or answers wrongly; nothing was changed.
    """
    before, workers = upgrade.answering(server, model)
    if model in server.canary:
        raise Failure(
            f"version {server.canary[model].loaded.version} of {model} is a canary already",
            fix=f"without an archive: scripts/bert upgrade {model} --canary {percent} changes its share, "
            f"scripts/bert upgrade {model} finishes it, scripts/bert rollback {model} ends it",
        )
    preflight.check_archive(archive, None, server.key_list is not None)

    def change() -> tuple[Loaded, Comparison | None]:
        with step(f"starting version {own_store.version(archive)} of {model}"):
            loaded = versions.bring_up(server, model, archive, workers, timeout)
        try:
            return loaded, compare(server, model, (before.version, loaded.version), texts) if texts else None
        except BaseException:
            versions.take_down(server, model, loaded)
            raise

    loaded, compared = again.patiently(server, model, change, timeout)
    share(server, model, loaded, percent)
    return compared


def share(server: Server, model: str, loaded: Loaded, percent: int) -> None:
    """Write down what the gateway is to give to a canary."""
    server.change(lambda now: replace(now, canary=now.canary | {model: Canary(loaded, percent)}))


def finish(server: Server, model: str) -> Loaded:
    """Let the canary answer by default; the version before keeps its workers until `settle`."""
    canary, (before, _) = server.canary[model], upgrade.answering(server, model)
    versions.answer_by_default(server, model, canary.loaded.version)
    upgrade.remember(server, model, canary.loaded, before)
    return canary.loaded


def end(server: Server, model: str) -> Loaded:
    """Give the canary nothing more; the version that answers."""
    upgrade.remember(server, model, server.answering[model], server.canary[model].loaded)
    return server.answering[model]


def settle(server: Server, model: str, older: Loaded | None, timeout: float = 300) -> None:
    """Leave the version that does not answer one worker, and unload one that did before both.

    Args:
        server: as it is now.
        model: name of the model.
        older: what was the previous version while the canary ran.
        timeout: seconds for workers to finish what they have.
    """
    kept = server.previous[model]
    with step(f"version {kept.version} finishes what it has"):
        scaling.scale(server, model, upgrade.KEPT_WORKERS, timeout, kept.version)
        if older is not None and older != kept:
            upgrade.unload(server, model, older, timeout)
