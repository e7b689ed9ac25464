"""One command at a time changes which versions of models a server holds; what an earlier one left is cleared away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from scripts.console import err
from scripts.server import holding, management, own_store, scaling, turns, versions
from scripts.server.state import Loaded, Server

LOCK = "versions.lock"
OTHERS_SECONDS = 60.0


@contextmanager
def alone(server: Server, timeout: float) -> Iterator[Server]:
    """Wait for other commands, and for a Java that is being started again; the server as it is by then.

    Raises:
        Failure: after `timeout` seconds one is not done, or Java not back.
    """
    deadline, what = monotonic() + timeout, f"changes models of the server on port {server.inference_port}"
    with (Path(server.folder) / LOCK).open("w") as lock:
        turns.take(lock, deadline, what, lambda: err.print(f"another command {what}; waiting for it"))
        server = management.when_back(server, deadline - monotonic())
        await_others(server, min(OTHERS_SECONDS, deadline - monotonic()))
        clear(server)
        yield server


def await_others(server: Server, timeout: float = OTHERS_SECONDS) -> None:
    """Wait for versions beside those that answer: a Java that was started again gets them last (`restoring`).

    What cannot be loaded again is waited for `timeout` seconds.
    """
    known, deadline = holding.of(server), monotonic() + timeout
    for model in {*known.previous, *known.canary}:
        told = False
        while missing := known.versions(model) - {*versions.registered(server, model)}:
            if monotonic() > deadline:
                return
            if not told:
                err.print(f"version {', '.join(sorted(missing))} of {model} is being loaded again; waiting for it")
                told = True
            sleep(scaling.POLL_SECONDS)


def clear(server: Server) -> None:
    """Take down versions that no command knows of: one that was killed left them."""
    for model in versions.models(server):
        for version in {*versions.registered(server, model)} - holding.of(server).versions(model):
            versions.take_down(server, model, Loaded(version, own_store.file_name(model, version)))
