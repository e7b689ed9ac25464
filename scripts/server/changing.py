"""One command at a time changes which versions of models a server holds; what an earlier one left is cleared away."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from scripts.console import err
from scripts.server import holding, management, own_store, scaling, versions
from scripts.server.state import Loaded, Server

LOCK = "versions.lock"


@contextmanager
def alone(server: Server) -> Iterator[Server]:
    """Wait for other commands, and for a Java that is being started again; the server as it is by then."""
    with (Path(server.folder) / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            err.print(f"another command changes models of the server on port {server.inference_port}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        server = management.when_back(server)
        await_others(server)
        clear(server)
        yield server


def await_others(server: Server, timeout: float = 60) -> None:
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
