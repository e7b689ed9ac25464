"""Odd calls beside ordinary clients, on a server of its own: `python -m tests.hostile.calls --count 2000`.

Every call is answered or refused, no ordinary client loses an answer or gets another's, and no worker is replaced.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import requests

from scripts.gateway.state import FILE, Gateway
from scripts.packing import pack as packer
from scripts.sources import pull
from tests.e2e.conftest import Cli, free_port
from tests.hostile import kinds

CLIENTS, CALLERS = 8, 8
TEXTS = [f"text number {number}" for number in range(32)]


@dataclass
class Report:
    """What came of it.

    Attributes:
        statuses: how often each kind of call got which status.
        lost: calls that should have had an answer and got none.
        wrong: what ordinary clients got instead of their answer.
        ordinary: their right answers.
        pids: of the workers, before and after.
        faults: errors in their log, before and after; what a client does wrong is none.
    """

    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    ordinary: int = 0
    pids: tuple[list[int], list[int]] = ([], [])
    faults: tuple[int, int] = (0, 0)

    @property
    def good(self) -> bool:
        """Whether nothing went wrong."""
        same = self.pids[0] == self.pids[1] and self.faults[0] == self.faults[1]
        return same and not self.lost and not self.wrong and self.ordinary > 0

    def __str__(self) -> str:
        lines = [
            f"{kind}: {', '.join(f'{count} x {status}' for status, count in sorted(found.items()))}"
            for kind, found in sorted(self.statuses.items())
        ]
        before, after = self.pids
        lines += [*(f"LOST {what}" for what in self.lost[:20]), *(f"WRONG {what}" for what in self.wrong[:20])]
        restarts = len(set(after) - set(before))
        return "\n".join(
            [
                *lines,
                f"lost {len(self.lost)}, wrong {len(self.wrong)}, right {self.ordinary}, "
                f"faults in the log {self.faults[1] - self.faults[0]}, "
                f"workers {before} -> {after}: {restarts} restarts",
            ]
        )


def run(server: Cli, count: int, seed: int) -> Report:
    """Make the calls while `CLIENTS` others ask what they always ask."""
    report = Report()
    address = f"{server.url}/predictions/bert"
    wanted = [requests.post(address, json={"inputs": text}, timeout=60).json()[0][:4] for text in TEXTS]
    done = threading.Event()
    before, faults_before = pids(server), faults(server)

    def ordinary(number: int) -> tuple[int, list[str]]:
        right, wrong, turn = 0, [], number
        with requests.Session() as session:
            while not done.is_set():
                turn = (turn + CLIENTS + 1) % len(TEXTS)
                try:
                    answer = session.post(address, json={"inputs": TEXTS[turn]}, timeout=60)
                    got = answer.json()[0][:4] if answer.status_code == 200 else answer.text[:200]
                except (requests.RequestException, ValueError) as error:
                    got = repr(error)
                same = isinstance(got, list) and max(abs(a - b) for a, b in zip(got, wanted[turn], strict=True)) < 1e-5
                right, wrong = right + same, wrong if same else [*wrong, f"{TEXTS[turn]}: {got}"]
        return right, wrong

    def odd(number: int) -> tuple[str, str]:
        kind, call = kinds.choose(random.Random(f"{seed} {number}"))
        return kind, call(server.port)

    with ThreadPoolExecutor(CLIENTS) as clients, ThreadPoolExecutor(CALLERS) as callers:
        others = [clients.submit(ordinary, number) for number in range(CLIENTS)]
        try:
            for number, (kind, status) in enumerate(callers.map(odd, range(count))):
                report.statuses.setdefault(kind, Counter())[status] += 1
                if status.startswith(kinds.NOTHING):
                    report.lost.append(f"call {number} of seed {seed}, {kind}: {status}")
        finally:
            done.set()
        for other in others:
            right, wrong = other.result()
            report.ordinary += right
            report.wrong += wrong
    report.pids, report.faults = (before, pids(server)), (faults_before, faults(server))
    return report


def pids(server: Cli, model: str = "bert") -> list[int]:
    """Of the workers."""
    return sorted(worker["pid"] for worker in server.workers(model))


def faults(server: Cli) -> int:
    """Errors in the workers' log."""
    log = server.runs / str(server.port) / "logs" / "worker.log"
    return log.read_text(errors="replace").count("ERROR") if log.exists() else 0


@contextmanager
def started(port: int) -> Iterator[Cli]:
    """A server with the default model, in folders that go with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packer.pack(pull.pull("all-MiniLM-L6-v2"), "bert", "1.0", {}, folder / "store")
        command = Cli(folder / "runs", folder / "store", port)
        command("start", "bert")
        try:
            yield command
        finally:
            command("stop", "--drain", "0")


@contextmanager
def gateway(server: Cli, *words: str) -> Iterator[Gateway]:
    """One in front of that server, with these options."""
    port = server.port + 6
    server("gateway", "--port", str(port), "--metrics-port", str(port + 1), *words)
    try:
        yield msgspec.json.decode((server.runs / f"gateway-{port}" / FILE).read_bytes(), type=Gateway)
    finally:
        server("gateway", "stop", "--port", str(port))


def main() -> int:
    """The exit status: 0 when nothing was lost."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="odd calls")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=0, help="first of five; 0 takes free ones")
    options = parser.parse_args()
    with started(options.port or free_port()) as server:
        report = run(server, options.count, options.seed)
    print(report)
    print(json.dumps({"good": report.good}))
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
