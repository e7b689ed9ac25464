"""HTTP load from one process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np

from scripts.load import pauses
from scripts.load.connection import Connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: where, what, and how many texts are in it."""

    url: str
    body: bytes
    texts: int = 1
    head: str = ""
    """More header lines, each with its end."""


@dataclass(slots=True)
class Outcome:
    """What a run gave.

    Attributes:
        seconds: from the first request to the last answer.
        latencies: of good answers, in seconds; under open load from when the request was due.
        errors: status (or the exception's name) -> how often.
        texts: in good answers.
        late: of each request of an open loop, seconds between when it was due and when it was sent.
        cpu_seconds: of this process meanwhile.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    texts: int = 0
    late: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0

    @property
    def sent(self) -> int:
        """Requests, whatever became of them."""
        return len(self.latencies) + sum(self.errors.values())


async def send(connection: Connection, request: Request, due: float, outcome: Outcome) -> None:
    """One request, recorded."""
    try:
        status = await connection.post(urlsplit(request.url).path, request.body, request.head)
        problem = "" if status == 200 else str(status)
    except OSError as error:  # a timeout is one too
        connection.close()
        problem = type(error).__name__
    if problem:
        outcome.errors[problem] = outcome.errors.get(problem, 0) + 1
    else:
        outcome.latencies.append(perf_counter() - due)
        outcome.texts += request.texts


def repeated(items: Sequence[T], seconds: float, whole: bool) -> Iterator[T]:
    """All of them in order, again and again until that much time has passed since the first was asked for.

    Args:
        items: at least one.
        seconds: 0 for one time.
        whole: end only after the last item, so that each comes equally often.
    """
    end = perf_counter() + seconds
    while True:
        for item in items:
            yield item
            if not whole and perf_counter() >= end:
                return
        if perf_counter() >= end:
            return


def closed_loop(
    requests: Sequence[Request], in_flight: int, seconds: float = 0, whole: bool = True, pause: float = 0
) -> Outcome:
    """Keep that many requests in flight until all are sent, and `repeated` until that much time has passed.

    Args:
        requests: at least one.
        in_flight: clients, each of which waits for an answer before it sends again.
        seconds: see `repeated`.
        whole: see `repeated`.
        pause: seconds that each client waits after an answer.
    """
    with pauses.none_for_what_is_there():
        return run(_closed(requests, in_flight, seconds, whole, pause))


def run(load: Coroutine[Any, Any, Outcome]) -> Outcome:
    """With the processor time it takes here, and not what was done before it."""
    begin = process_time()
    outcome = asyncio.run(load)
    outcome.cpu_seconds = process_time() - begin
    return outcome


async def _closed(requests: Sequence[Request], in_flight: int, seconds: float, whole: bool, pause: float) -> Outcome:
    outcome, queue, target = Outcome(), repeated(requests, seconds, whole), urlsplit(requests[0].url)

    async def client() -> None:
        connection = Connection(target.hostname or "", target.port or 80)
        for request in queue:
            await send(connection, request, perf_counter(), outcome)
            if pause:
                await asyncio.sleep(pause)
        connection.close()

    start = perf_counter()
    await asyncio.gather(*(client() for _ in range(in_flight)))
    outcome.seconds = perf_counter() - start
    return outcome


def open_loop(requests: Sequence[Request], per_second: float, seed: int = 0) -> Outcome:
    """Send at random times with that mean rate, whether or not answers have come; latency counts from the time due."""
    with pauses.none_for_what_is_there():
        return run(_open(requests, per_second, seed))


async def _open(requests: Sequence[Request], per_second: float, seed: int) -> Outcome:
    outcome, idle = Outcome(), list[Connection]()
    times = np.cumsum(np.random.default_rng(seed).exponential(1 / per_second, len(requests)))
    target = urlsplit(requests[0].url)
    start = perf_counter()

    async def client(request: Request, due: float) -> None:
        outcome.late.append(perf_counter() - due)
        connection = idle.pop() if idle else Connection(target.hostname or "", target.port or 80)
        await send(connection, request, due, outcome)
        idle.append(connection)

    async with asyncio.TaskGroup() as clients:
        for request, time in zip(requests, times, strict=True):
            await asyncio.sleep(
                max(0.0, start + time - perf_counter())
            )  # in whole milliseconds, rounded up: so is `epoll`
            clients.create_task(client(request, start + time))
    outcome.seconds = perf_counter() - start
    for connection in idle:
        connection.close()
    return outcome
