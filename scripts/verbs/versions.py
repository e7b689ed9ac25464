"""Verbs for versions of a running model: `upgrade`, `rollback`, `retire`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from scripts.console import Failure, out
from scripts.finetuning.files import decoded
from scripts.gateway import report as gateways
from scripts.gateway import versions
from scripts.paths import MODEL_STORE
from scripts.server import canary as canaries
from scripts.server import changing, heard, listing, state
from scripts.server import upgrade as upgrader
from scripts.server.comparison import TEXTS, Comparison
from scripts.server.state import Loaded, Server
from scripts.verbs.options import ModelName, Port, Store, Timeout


def upgrade(
    name: ModelName,
    archive: Annotated[
        Path | None, typer.Argument(help="archive of the new version [default: NAME.mar in the model store]")
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="ask both versions for a sample of texts, and print how far apart they are"),
    ] = False,
    texts: Annotated[
        Path | None,
        typer.Option("--texts", help="file of texts to compare by, one per line", exists=True, dir_okay=False),
    ] = None,
    percent: Annotated[
        int | None,
        typer.Option(
            "--canary",
            min=1,
            max=99,
            help="per cent of the requests that the gateway gives to the new version; without it, a canary that "
            "runs is finished",
        ),
    ] = None,
    inference_port: Port = None,
    timeout: Timeout = 300,
    store: Store = MODEL_STORE,
) -> None:
    """Move a running model to another version without failing a request, all at once or after a canary.

    Example: scripts/bert pack CHECKPOINT --name bert --version 2.0; scripts/bert upgrade bert --compare
    """
    begin = perf_counter()
    sample = decoded(texts).splitlines() if texts else list(TEXTS) if compare else []
    with changing.alone(listing.find(inference_port), timeout) as server:
        file, port = archive or store / f"{name}.mar", state.flag(server.inference_port)
        if percent:
            try_out(server, name, archive, file, percent, timeout, sample)
            out.print(f"{name} {server.current().canary[name].loaded.version} gets {percent} % of the requests")
            out.print(f"  all:   scripts/bert upgrade {name}{port}\n  none:  scripts/bert rollback {name}{port}")
            return
        if name in server.canary:
            loaded = finish(server, name, archive, timeout)
        else:
            loaded, compared = upgrader.upgrade(server, name, file, timeout, sample)
            show(compared)
            versions.await_followed(server)
    gateways.warn()
    out.print(f"{name} {loaded.version} answers, after {perf_counter() - begin:.1f} s")
    out.print(f"  back:  scripts/bert rollback {name}{port}")


def try_out(
    server: Server, name: str, archive: Path | None, file: Path, percent: int, timeout: float, texts: Sequence[str]
) -> None:
    """Begin a canary, or change the share of the one that runs.

    Raises:
        Failure: no gateway stands in front of the server.
    """
    known = [gateway for gateway in versions.in_front_of(server) if name in gateway.models]
    if not known and not any(heard.lately(server)):
        raise Failure(
            f"--canary needs a gateway with {name} in front of the server on port {server.inference_port}, and none "
            "runs here or asks its agent",
            fix="scripts/bert gateway, or for one that runs scripts/bert gateway reload; or without --canary: the new "
            "version answers everybody at once",
        )
    if name in server.canary and archive is None:
        canaries.share(server, name, server.canary[name].loaded, percent)
    else:
        show(canaries.begin(server, name, file, percent, timeout, texts))
    versions.await_followed(server)


def finish(server: Server, name: str, archive: Path | None, timeout: float) -> Loaded:
    """Let a canary answer everybody.

    Raises:
        Failure: an archive was named, which would be a third version.
    """
    if archive:
        raise Failure(
            f"version {server.canary[name].loaded.version} of {name} is a canary, and {archive} would be a third one",
            fix=f"scripts/bert upgrade {name} finishes the canary, scripts/bert rollback {name} ends it",
        )
    loaded = canaries.finish(server, name)
    settled(server, name, timeout)
    return loaded


def settled(server: Server, name: str, timeout: float) -> None:
    """Take workers away when nobody asks for them any more."""
    versions.await_followed(server)
    canaries.settle(server.current(), name, server.previous.get(name), timeout)


def rollback(name: ModelName, inference_port: Port = None, timeout: Timeout = 300) -> None:
    """Let the version before the last upgrade answer again, or end a canary.

    Example: scripts/bert rollback bert
    """
    with changing.alone(listing.find(inference_port), timeout) as server:
        if name in server.canary:
            loaded = canaries.end(server, name)
            settled(server, name, timeout)
        else:
            loaded = upgrader.rollback(server, name, timeout)
            versions.await_followed(server)
    gateways.warn()
    out.print(f"{name} {loaded.version} answers")


def retire(name: ModelName, inference_port: Port = None, timeout: Timeout = 300) -> None:
    """Unload the version that answered before the last upgrade or rollback; its address is gone then.

    Example: scripts/bert retire bert
    """
    with changing.alone(listing.find(inference_port), timeout) as server:
        versions.await_followed(server)
        loaded = upgrader.retire(server, name, timeout)
    gateways.warn()
    out.print(f"{name} {loaded.version} is retired")


def show(compared: Comparison | None) -> None:
    """If there was one."""
    if compared:
        out.print(in_words(compared))


def in_words(compared: Comparison) -> str:
    """A comparison on one line."""
    older, newer = compared.versions
    cosine = "" if compared.cosine is None else f", smallest cosine {compared.cosine:.6f}"
    return (
        f"{older} and {newer}, {compared.task} of {compared.texts} texts: {compared.changed} of another shape or "
        f"order or with other labels, largest difference {compared.difference:.2g}{cosine}"
    )
