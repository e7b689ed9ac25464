"""Verbs for versions of a running model: `upgrade`, `rollback`, `retire`."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from scripts.console import out
from scripts.paths import MODEL_STORE
from scripts.server import state
from scripts.server import upgrade as upgrader
from scripts.server.comparison import TEXTS, Comparison
from scripts.verbs.options import Port, Store, Timeout, archives

Model = Annotated[str, typer.Argument(help="name of the model", autocompletion=archives)]


def upgrade(
    name: Model,
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
    inference_port: Port = None,
    timeout: Timeout = 300,
    store: Store = MODEL_STORE,
) -> None:
    """Move a running model to another version without failing a request.

    Example: scripts/bert pack CHECKPOINT --name bert --version 2.0; scripts/bert upgrade bert --compare
    """
    server, begin = state.find(inference_port), perf_counter()
    sample = texts.read_text("utf-8").splitlines() if texts else list(TEXTS) if compare else []
    loaded, compared = upgrader.upgrade(server, name, archive or store / f"{name}.mar", timeout, sample)
    if compared:
        out.print(in_words(compared))
    out.print(f"{name} {loaded.version} answers, after {perf_counter() - begin:.1f} s")
    out.print(f"  back:  scripts/bert rollback {name}{state.flag(server.inference_port)}")


def rollback(name: Model, inference_port: Port = None, timeout: Timeout = 300) -> None:
    """Let the version before the last upgrade answer again.

    Example: scripts/bert rollback bert
    """
    loaded = upgrader.rollback(state.find(inference_port), name, timeout)
    out.print(f"{name} {loaded.version} answers")


def retire(name: Model, inference_port: Port = None, timeout: Timeout = 300) -> None:
    """Unload the version that answered before the last upgrade or rollback; its address is gone then.

    Example: scripts/bert retire bert
    """
    loaded = upgrader.retire(state.find(inference_port), name, timeout)
    out.print(f"{name} {loaded.version} is retired")


def in_words(compared: Comparison) -> str:
    """A comparison on one line."""
    older, newer = compared.versions
    cosine = "" if compared.cosine is None else f", smallest cosine {compared.cosine:.6f}"
    return (
        f"{older} and {newer}, {compared.task} of {compared.texts} texts: {compared.changed} of another shape or with "
        f"other labels, largest difference {compared.difference:.2g}{cosine}"
    )
