"""Load beyond capacity, with clients that give up after a second, with and without the gateway.

`python -m tests.hostile.overload` starts a server and a gateway of its own, measures what they answer to clients that
wait for their answers, and then sends two and five times as much, whether or not answers have come.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from argparse import ArgumentParser
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from time import perf_counter
from typing import Any

import numpy as np
import requests

from scripts.load import pauses
from scripts.load.connection import Connection
from tests.e2e.conftest import free_port
from tests.hostile.calls import started
from tests.hostile.taking import taking

PATIENCE = 1.0
"""Seconds after which a client is gone."""
PAUSE = 0.1
"""Seconds that a client which waits for its answers pauses after a refusal."""
JSON = {"content-type": "application/json"}
PATH = "/predictions/bert"
CLIENTS = 32
TIMES = (2, 5)
"""Of capacity."""
ALONE, GATEWAY = "TorchServe alone", "behind the gateway"
LEAST = {ALONE: {2: 0.85, 5: 0.75}, GATEWAY: {2: 0.95, 5: 0.9}}
"""What of it has to be left."""
LONGEST, LONGEST_REFUSAL = 500, 50
"""Milliseconds within which 99 % of the answers and of the refusals have to come."""
WORDS = (
    "river",
    "ran",
    "past",
    "small",
    "town",
    "where",
    "people",
    "sold",
    "bread",
    "and",
    "cloth",
    "to",
    "all",
    "who",
)
REFUSALS = ("429", "503")


@dataclass
class Run:
    """What became of the requests of a run: seconds from when each was due, by status or by the name of the error."""

    took: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu: float = 0.0

    def record(self, what: str, seconds: float) -> None:
        """One request."""
        self.took.setdefault(what, []).append(seconds)

    @property
    def goodput(self) -> float:
        """Answers of 200 per second."""
        return len(self.took.get("200", [])) / self.seconds

    def p99(self, *statuses: str) -> float:
        """Milliseconds within which 99 % of the answers of those statuses came; nan without any."""
        times = [each for status in statuses for each in self.took.get(status, [])]
        return float(np.percentile(times, 99) * 1000) if times else float("nan")

    def described(self) -> str:
        """On one line."""
        counts = ", ".join(f"{len(times)} x {what}" for what, times in sorted(self.took.items()))
        return (
            f"{self.goodput:.0f}/s answered, 99 % of them within {self.p99('200'):.0f} ms, "
            f"of refusals within {self.p99(*REFUSALS):.0f} ms; "
            f"{counts}; clients used {self.cpu / self.seconds:.0%} of a core"
        )


def bodies(count: int = 256) -> list[bytes]:
    """Texts of 5 to 40 words, the same in each run."""
    chooser = random.Random(0)
    texts = [" ".join(chooser.choices(WORDS, k=chooser.randint(5, 40))) for _ in range(count)]
    return [json.dumps({"inputs": text}).encode() for text in texts]


async def ask(connection: Connection, body: bytes, due: float, run: Run) -> str:
    """One request, recorded; its status, or the name of its error."""
    try:
        what = str(await connection.post(PATH, body))
    except OSError as error:
        connection.close()
        what = type(error).__name__
    run.record(what, perf_counter() - due)
    return what


async def closed(port: int, seconds: float) -> Run:
    """`CLIENTS` that each wait for their answer before they ask again."""
    run, end = Run(), perf_counter() + seconds
    everything = bodies()

    async def client(turn: int) -> None:
        connection = Connection("127.0.0.1", port)
        while perf_counter() < end:
            turn = (turn + 1) % len(everything)
            if await ask(connection, everything[turn], perf_counter(), run) != "200":
                await asyncio.sleep(PAUSE)
        connection.close()

    await asyncio.gather(*(client(number * 7) for number in range(CLIENTS)))
    return run


async def opened(port: int, seconds: float, per_second: float) -> Run:
    """Requests at random times with that mean rate, on whatever connection is idle."""
    run, idle, everything = Run(), list[Connection](), bodies()
    chooser, begin = random.Random(1), perf_counter()

    async def client(body: bytes, due: float) -> None:
        connection = idle.pop() if idle else Connection("127.0.0.1", port, PATIENCE)
        await ask(connection, body, due, run)
        idle.append(connection)

    due, tasks = begin, set[asyncio.Task[None]]()
    while due < begin + seconds:
        due += chooser.expovariate(per_second)
        if (early := due - perf_counter()) > 0:
            await asyncio.sleep(early)
        task = asyncio.create_task(client(chooser.choice(everything), due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()
    return run


def timed(work: Coroutine[None, None, Run], seconds: float) -> Run:
    """Run it, and note how long it was to take and what it cost here."""
    with pauses.none_for_what_is_there():
        before = time.process_time()
        run = asyncio.run(work)
    run.seconds, run.cpu = seconds, time.process_time() - before
    return run


def settle(port: int) -> None:
    """Wait until a lone request is answered at once: what clients that are gone have asked is computed all the same."""
    end = perf_counter() + 60
    while perf_counter() < end:
        begin = perf_counter()
        requests.post(f"http://127.0.0.1:{port}{PATH}", data=bodies(1)[0], headers=JSON, timeout=120)
        if perf_counter() - begin < PATIENCE / 2:
            return


def measured(name: str, port: int, seconds: float) -> list[dict[str, Any]]:
    """Capacity right before each overload, since a shared machine changes; the ratios.

    Clients that are refused ask again, and these take cores from the server, on which they would not run elsewhere.
    So there is a second capacity: with as much taken by a process that does nothing else.
    """
    found = []
    for times in TIMES:
        settle(port)
        timed(closed(port, 2), 2)
        capacity = timed(closed(port, seconds), seconds)
        over = timed(opened(port, seconds, times * capacity.goodput), seconds)
        settle(port)
        with taking(share := max(0.0, (over.cpu - capacity.cpu) / seconds)):
            beside = timed(closed(port, seconds), seconds)
        ratio, own = over.goodput / capacity.goodput, over.goodput / beside.goodput
        print(f"{name}, {CLIENTS} clients that wait: {capacity.described()}")
        print(f"{name}, {times} times as many: {over.described()}")
        print(
            f"  {ratio:.2f} of capacity, {own:.2f} of {beside.goodput:.0f}/s with {share:.0%} of a core taken",
            flush=True,
        )
        late = {"p99": over.p99("200"), "refused": over.p99(*REFUSALS)}
        found.append({"times": times, "ratio": round(ratio, 3), "own": round(own, 3), **rounded(late)})
    return found


def rounded(milliseconds: dict[str, float]) -> dict[str, float | None]:
    """Whole ones; None where there was nothing to measure."""
    return {name: None if isnan(value) else round(value) for name, value in milliseconds.items()}


def faults(name: str, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which limits were not kept."""
    found = []
    for run in runs:
        where, least = f"{name}, {run['times']} times as many", LEAST[name][run["times"]]
        if run["ratio"] < least:
            found.append(f"{where}: {run['ratio']} of capacity, {least} wanted")
        for what, most in (("p99", LONGEST), ("refused", LONGEST_REFUSAL)):
            if run[what] is not None and run[what] > most:
                found.append(f"{where}: {what} {run[what]} ms, {most} wanted")
    return found


def main() -> int:
    """0 where every limit was kept, with the gateway and without."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="of each run")
    options = parser.parse_args()
    with started(free_port()) as server:
        alone = measured(ALONE, server.port, options.seconds)
        port = server.port + 6
        server("gateway", "--port", str(port))
        try:
            behind = measured(GATEWAY, port, options.seconds)
        finally:
            server("gateway", "stop", "--port", str(port))
    missed = faults(ALONE, alone) + faults(GATEWAY, behind)
    print("\n".join(missed))
    print(json.dumps({"alone": alone, "gateway": behind, "good": not missed}))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
