"""Ordinary clients beside an attack, in a process of their own: what is measured is the server, not the attacker."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from time import monotonic, sleep

import requests

CLIENTS, PAUSE, TIMEOUT = 4, 0.02, 60.0


@dataclass
class Ordinary:
    """What ordinary clients had: right answers, what came instead, and the longest that one waited."""

    right: int
    lost: list[str]
    worst: float


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
    """Several of them, and what they had together."""
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
