"""Hostile clients beside ordinary ones: `python -m tests.hostile.traffic`, or `--url` and `--pid` of a running server.

A row is good where ordinary clients lost nothing and waited at most a second, and at most three times as long as
without the attack; where no process was replaced, and each has, ten seconds later, at most half as much memory again as
at the start.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from time import monotonic, sleep
from urllib.parse import urlsplit

import psutil
import requests

from tests.e2e.conftest import free_port
from tests.hostile import calls
from tests.hostile.traffic.attacks import ATTACKS, PATH

CLIENTS, ALONE, SETTLE = 4, 5.0, 10.0
MOST_SECONDS, MOST_TIMES, MOST_MEMORY = 1.0, 3.0, 1.5
TIMEOUT, RECOVERY, PAUSE = 60.0, 300.0, 0.02


@dataclass
class Ordinary:
    """What ordinary clients had: right answers, what came instead, and the longest that one waited."""

    right: int
    lost: list[str]
    worst: float


@dataclass
class Row:
    """What an attack cost."""

    name: str
    outcome: str
    seconds: float
    before: Ordinary
    during: Ordinary
    memory: float
    replaced: int

    def faults(self) -> list[str]:
        """Which of the limits were exceeded."""
        limit = min(MOST_SECONDS, MOST_TIMES * self.before.worst)
        found = {
            f"{len(self.during.lost)} ordinary requests lost": bool(self.during.lost),
            f"worst wait over {limit:.2f} s": self.during.worst > limit,
            f"memory x {self.memory:.1f}": self.memory > MOST_MEMORY,
            f"{self.replaced} processes replaced": self.replaced > 0,
        }
        return [fault for fault, there in found.items() if there]

    def __str__(self) -> str:
        ordinary = f"{self.during.right} right, worst {self.during.worst:.2f} s (alone {self.before.worst:.2f} s)"
        verdict = "; ".join(self.faults()) or "good"
        return (
            f"{self.name}: {self.outcome}, {self.seconds:.0f} s | {ordinary} | memory x {self.memory:.2f} | "
            f"{'FAILED: ' if self.faults() else ''}{verdict}"
        )


def client(url: str, done: Event) -> Ordinary:
    """One ordinary client, until it is told to stop."""
    had = Ordinary(0, [], 0.0)
    with requests.Session() as session:
        while not done.is_set():
            begin = monotonic()
            try:
                status = str(session.post(url, json={"inputs": "hello"}, timeout=TIMEOUT).status_code)
            except requests.RequestException as error:
                status = type(error).__name__
            had.worst = max(had.worst, monotonic() - begin)
            had.right += status == "200"
            had.lost += [] if status == "200" else [status]
            sleep(PAUSE)
    return had


def clients(url: str, ready: Event, done: Event, results: Queue[Ordinary]) -> None:
    """Several of them, in a process of their own: what is measured is the server, not this program."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(client, url, done) for _ in range(CLIENTS)]
        ready.set()
        had = [each.result() for each in running]
    lost = [status for each in had for status in each.lost]
    results.put(Ordinary(sum(each.right for each in had), lost, max(each.worst for each in had)))


@contextmanager
def asking(url: str, into: list[Ordinary]) -> Iterator[None]:
    """Ordinary clients, until the block ends; what they had is appended."""
    context = get_context("spawn")
    ready, done, results = context.Event(), context.Event(), context.Queue()
    process = context.Process(target=clients, args=(url, ready, done, results))
    process.start()
    ready.wait()
    try:
        yield
    finally:
        done.set()
    into.append(results.get(timeout=2 * TIMEOUT))
    process.join()


def memory(roots: Sequence[int]) -> dict[int, int]:
    """Resident bytes of these processes and of all below them."""
    found: dict[int, int] = {}
    for root in map(psutil.Process, roots):
        found |= {each.pid: each.memory_info().rss for each in [root, *root.children(recursive=True)]}
    return found


def recovered(url: str) -> None:
    """Wait until an ordinary request is answered in a second, or for long enough."""
    until = monotonic() + RECOVERY
    while monotonic() < until:
        begin = monotonic()
        try:
            if requests.post(url, json={"inputs": "a"}, timeout=TIMEOUT).ok and monotonic() - begin < 1:
                return
        except requests.RequestException:
            pass
        sleep(1)


def attacked(name: str, url: str, roots: Sequence[int], start: dict[int, int]) -> Row:
    """Ordinary clients alone, then beside one attack."""
    parts = urlsplit(url)
    had: list[Ordinary] = []
    with asking(url, had):
        sleep(ALONE)
    pids = set(memory(roots))
    begin = monotonic()
    with asking(url, had):
        outcome = ATTACKS[name]((parts.hostname or "", parts.port or 80))
    seconds = monotonic() - begin
    sleep(SETTLE)
    after = memory(roots)
    grown = max((after[pid] / start[pid] for pid in after.keys() & start.keys()), default=0.0)
    return Row(name, outcome, seconds, had[0], had[1], grown, len(set(after) - pids))


def main() -> int:
    """The exit status: 0 when every row is good."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="base address of a running server; without it one is started")
    parser.add_argument("--pid", type=int, action="append", default=[], help="its processes, with all below them")
    parser.add_argument("--only", help="attacks whose names hold this")
    options = parser.parse_args()
    with ExitStack() as stack:
        if not options.url:
            server = stack.enter_context(calls.started(free_port()))
            options.url = server.url
            options.pid = [psutil.Process(calls.pids(server)[0]).ppid()]
        url = options.url + PATH
        with asking(url, []):
            sleep(ALONE)
        start, rows = memory(options.pid), []
        for name in ATTACKS:
            if not options.only or options.only in name:
                rows.append(attacked(name, url, options.pid, start))
                print(rows[-1], flush=True)
                recovered(url)
    failed = sum(bool(row.faults()) for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} good")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
