"""A GPU whose memory others hold: a request that does not fit is refused, and nobody else notices."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import requests

from benchmarks.gpu.context import Context
from benchmarks.gpu.served import holder
from benchmarks.gpu.served.archives import MAIN, WIDE
from benchmarks.gpu.served.clients import Tally, asking, repeating, status
from benchmarks.gpu.served.server import pids, url
from scripts.paths import ROOT
from scripts.server import local
from scripts.server.state import Server

LEFT = 300 << 20
LARGE, REPEATED = 256, 3
"""Texts of a large request, and how often it is sent."""
CLIENTS = 4  # that ask for little, of either model


def memory(context: Context, server: Server, text: str) -> None:
    """A few large requests and many small ones while the memory is held, and once more after that."""
    if not context.gpu:
        context.skip("memory", "the CPU stands in for the GPU")
        return
    large, small = orjson.dumps({"inputs": ["a b c " * 200] * LARGE}), orjson.dumps({"inputs": text})
    names = (MAIN, WIDE)
    before, tallies = {name: pids(server, name) for name in names}, {name: Tally() for name in names}
    with holding(LEFT) as said, local.session() as session:
        turns = {name: repeating(url(server, name), small, tallies[name]) for name in names}

        def turn(session: requests.Session, number: int, request: int) -> None:
            turns[names[number % len(names)]](session, number, request)

        with asking(CLIENTS, turn):
            refused = [answered(session, url(server, WIDE), large) for _ in range(REPEATED)]
    after = {name: pids(server, name) for name in names}
    with local.session() as session:
        free = {f"{name}, small": status(session, url(server, name), small) for name in names}
        free |= {f"{name}, large": status(session, url(server, name), large) for name in names}
    context.add(
        "memory",
        held=said,
        large=refused,
        small={name: dict(tally.statuses) for name, tally in tallies.items()},
        workers_kept=before == after,
        given_back=free,
    )


def answered(session: requests.Session, address: str, body: bytes) -> dict[str, Any]:
    """Status of a large request, and what an error says."""
    try:
        answer = session.post(address, data=body, headers={"content-type": "application/json"}, timeout=120)
    except requests.RequestException as error:
        return {"status": type(error).__name__}
    about = {} if answer.status_code == 200 else {"error": answer.text[:300]}
    return {"status": answer.status_code, "retry_after": answer.headers.get("retry-after"), **about}


@contextmanager
def holding(left: int) -> Iterator[str]:
    """All memory of the GPU but that many bytes is somebody else's; what that process says.

    Raises:
        RuntimeError: it ended; its traceback is in the log.
    """
    command = [sys.executable, "-m", holder.__name__, str(left)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        if not said.startswith("holding"):
            raise RuntimeError(f"the process that holds memory ended with {process.wait()}")
        yield said
        process.communicate(timeout=30)  # closes its input, which ends it
    finally:
        process.kill()
        process.wait()
