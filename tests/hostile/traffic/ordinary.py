"""Ordinary clients beside an attack, in a process of their own: what is measured is the server, not the attacker."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from time import monotonic, sleep

import requests

CLIENTS, PAUSE, TIMEOUT = 4, 0.02, 60.0


@dataclass
class Ordinary:
    """What ordinary clients had: the seconds that right answers took, what came instead, and the longest wait."""

    took: list[float]
    lost: list[str]
    worst: float

    @property
    def p95(self) -> float:
        """Seconds within which 95 % of the answers came; those that did not come took for ever."""
        times = sorted([*self.took, *(inf for _ in self.lost)])
        return times[min(len(times) - 1, len(times) * 95 // 100)] if times else inf


def client(url: str, done: Event) -> Ordinary:
    """One ordinary client, until it is told to stop."""
    had = Ordinary([], [], 0.0)
    with requests.Session() as session:
        while not done.is_set():
            begin = monotonic()
            try:
                status = str(session.post(url, json={"inputs": "hello"}, timeout=TIMEOUT).status_code)
            except requests.RequestException as error:
                status = type(error).__name__
            seconds = monotonic() - begin
            had.worst = max(had.worst, seconds)
            if status == "200":
                had.took.append(seconds)
            else:
                had.lost.append(status)
            sleep(PAUSE)
    return had


def clients(url: str, ready: Event, done: Event, results: Queue[Ordinary]) -> None:
    """Several of them, and what they had together."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(client, url, done) for _ in range(CLIENTS)]
        ready.set()
        had = [each.result() for each in running]
    took, lost = [time for each in had for time in each.took], [status for each in had for status in each.lost]
    results.put(Ordinary(took, lost, max(each.worst for each in had)))


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
