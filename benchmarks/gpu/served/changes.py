"""Workers come, go and are killed while clients ask."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import orjson
import psutil

from benchmarks.gpu.context import Context
from benchmarks.gpu.served import smi
from benchmarks.gpu.served.archives import MAIN
from benchmarks.gpu.served.clients import Tally, asking, repeating
from benchmarks.gpu.served.server import pids, url
from scripts.server import management
from scripts.server.scaling import scale
from scripts.server.state import Server

STEPS = (3, 1)
CLIENTS = 16
SECONDS = 60
POLL_SECONDS = 0.05


def scaled(context: Context, server: Server, text: str) -> None:
    """From one worker to three and back; nobody should notice."""
    scale(server, MAIN, 1)
    tally, steps = Tally(), {}
    with asking(CLIENTS, repeating(url(server), orjson.dumps({"inputs": text}), tally)):
        await_more(tally, "answers before scaling")
        for workers in STEPS:
            begin = monotonic()
            scale(server, MAIN, workers, SECONDS)
            steps[f"to {workers}"] = round(monotonic() - begin, 1)
            await_more(tally, "answers after scaling")
    context.add("scaled", clients=CLIENTS, seconds=steps, **tally.report())


def killed(context: Context, server: Server, text: str) -> None:
    """The only worker dies of SIGKILL: what that costs, and how long it takes until another one answers."""
    scale(server, MAIN, 1)
    tally, before = Tally(), smi.memory()
    with asking(CLIENTS, repeating(url(server), orjson.dumps({"inputs": text}), tally)):
        await_more(tally, "answers before the kill")
        begin, victim = monotonic(), kill(server)
        wait_for(lambda: [pid for pid in pids(server) if pid != victim], "another worker")
        replaced = monotonic() - begin
        await_more(tally, "answers after the kill")
    found = {"seconds_until_replaced": round(replaced, 1), "memory_before": before, "memory_after": smi.memory()}
    context.add("killed", clients=CLIENTS, **found, **tally.report())


def kill(server: Server) -> int:
    """Kill a worker of this server; its process id.

    Raises:
        RuntimeError: what the management API names is no worker of this server.
    """
    pid = wait_for(lambda: pids(server), "a worker")[0]
    family = [child.pid for child in psutil.Process(server.pid).children(recursive=True)]
    if not isinstance(pid, int) or pid <= 1 or pid not in family:
        raise RuntimeError(f"{pid} is no process of the server with pid {server.pid}")
    os.kill(pid, signal.SIGKILL)
    return pid


def await_more(tally: Tally, what: str) -> None:
    """Wait until each client may have had another good answer."""
    seen = len(tally.answered)
    wait_for(lambda: len(tally.answered) > seen + CLIENTS, what)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Poll until the condition holds; its value.

    Raises:
        TimeoutError: it does not.
    """
    deadline = monotonic() + seconds
    while True:
        try:
            value = condition()
        except management.Refused:  # TorchServe describes a worker in the middle of its end with a 500
            value = None
        if value:
            return value
        if monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        sleep(POLL_SECONDS)
