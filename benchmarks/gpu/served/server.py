"""A server as `scripts/bert start` starts it, on ports of its own, and what it is made of."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.gpu.served.archives import MAIN, VERSION, WIDE, Archives
from scripts import paths
from scripts.server import inference, launch, management, stop
from scripts.server.preflight import Options
from scripts.server.state import Server

PORTS = range(24200, 32000, 10)  # below the range that clients' own ends come from
TAKEN = 5  # inference, management, metrics, gRPC twice
START_SECONDS, DRAIN_SECONDS = 90, 2


@contextmanager
def serving(archives: Archives, folder: Path) -> Iterator[Server]:
    """Start both archives and stop them.

    Args:
        archives: what to serve.
        folder: for logs, which stay, and for what is remembered of the server while it runs: whoever had to kill this
            process finds it there.
    """
    paths.RUNS = folder
    server = launch.start(options(archives))
    try:
        yield server
        stop.stop(server, DRAIN_SECONDS)
    finally:
        kill(server)  # when something was raised, a SIGKILL may follow: there is no time to be polite


def kill(server: Server) -> None:
    """End what is left of it at once; its supervisor first, which would start it again."""
    for process in (server.watcher(), server.current().process()):
        if process is not None:
            end(process)
    server.forget()


def end(process: psutil.Process) -> None:
    """Kill a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        for member in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                member.kill()


def options(archives: Archives, port: int | None = None) -> Options:
    """How it is started."""
    port = port or free_port()
    return Options(archives.store, (MAIN, WIDE), inference_port=port, timeout=START_SECONDS)


def free_port() -> int:
    """First of five free ports in a row.

    Raises:
        RuntimeError: there are none.
    """
    for first in filter(free, PORTS):
        return first
    raise RuntimeError(f"no {TAKEN} free ports in a row from {PORTS.start} to {PORTS.stop}")


def free(first: int) -> bool:
    """Whether nobody holds one of the five."""
    for offset in range(TAKEN):
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", first + offset))
            except OSError:
                return False
    return True


def info(server: Server, model: str = MAIN) -> dict[str, Any]:
    """What an archive says of itself.

    Raises:
        RuntimeError: it does not.
    """
    answer = inference.post(server, f"/predictions/{model}/{VERSION}/info", {})
    if answer.status_code != 200:
        raise RuntimeError(f"info of {model}: {answer.status_code} {answer.text[:500]}")
    found: dict[str, Any] = answer.json()
    return found


def workers(server: Server, model: str = MAIN) -> list[dict[str, Any]]:
    """As the management API shows them; one that is starting has no process id."""
    found: list[dict[str, Any]] = management.describe(server, model)["workers"]
    return found


def pids(server: Server, model: str = MAIN) -> list[int]:
    """Process ids of the workers that are ready."""
    return [worker["pid"] for worker in workers(server, model) if worker["status"] == "READY" and worker["pid"]]


def url(server: Server, model: str = MAIN) -> str:
    """Where a model's own task is asked."""
    return f"{server.inference}/predictions/{model}"
