"""Workers, Java and its supervisor killed under load, while the model is scaled.

`python -m tests.hostile.killing --seconds 60`.

Clients that use `BertClient` notice nothing: each call returns, with the vectors it always has. They have two minutes
for that, where the default is one: on a machine with other work Java alone may take most of one. With `--gateway` they
ask once, without a retry of any kind, and HAProxy and the process that watches over it are killed too. What was in
flight through HAProxy then is cut, because nobody else has the client's connection; that is counted by itself.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests

from scripts.client import BertClient
from scripts.gateway import bodies, haproxy
from scripts.gateway.state import Gateway
from scripts.server import processes
from tests.e2e.conftest import Cli, free_port
from tests.hostile.calls import TEXTS, gateway, started

CLIENTS = 16
TIMEOUT = 120
SIZES = (3, 2, 1)
"""Numbers of workers that the model is scaled to, again and again; it begins with one."""
NEAR = 1e-5
HAPROXY = "haproxy"
LARGE = 16
CUT = 502
"""What the door says of a request that was in flight through the HAProxy of large bodies."""
JSON = {"content-type": "application/json"}


@dataclass
class Report:
    """What came of it.

    Attributes:
        right: calls that returned what they should.
        wrong: those that returned something else.
        failed: those that raised, with the error.
        cut: of these, such as were in flight through HAProxy when it was killed.
        slowest: seconds of the slowest call.
        workers: killed ones.
        door: of each kill of HAProxy, the time before it and that when the process had ended, and its sockets with it.
        java: seconds from each kill of Java to the next answer to a plain request.
        watches: kills of the supervisor, and of the process that watches over HAProxy.
        scaled: exit codes of `scale`.
    """

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    cut: int = 0
    slowest: float = 0.0
    workers: int = 0
    door: list[tuple[float, float]] = field(default_factory=list)
    java: list[float] = field(default_factory=list)
    watches: int = 0
    scaled: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def good(self) -> bool:
        """Whether nobody noticed, and there was something to notice."""
        killed = self.workers > 0 and self.watches > 0 and len(self.java) == 1
        return not self.wrong and not self.failed and self.cut <= CLIENTS * len(self.door) and killed and self.right > 0

    def __str__(self) -> str:
        lines = [*(f"FAILED {what}" for what in self.failed[:20]), *(f"WRONG {what}" for what in self.wrong[:20])]
        java = ", ".join(f"{seconds:.1f} s" for seconds in self.java)
        cut = f"HAProxy {len(self.door)} times, which cut {self.cut} requests in flight; " if self.door else ""
        return "\n".join(
            [
                *lines,
                f"{CLIENTS} clients, timeout {TIMEOUT} s: {self.right} right, {len(self.failed)} failed, "
                f"{len(self.wrong)} wrong; "
                f"the slowest call took {self.slowest:.1f} s",
                f"killed: {self.workers} workers; {self.watches} that watch; {cut}Java {len(self.java)} times, answers "
                f"came again after {java}",
                f"scaled {len(self.scaled)} times, exit codes {sorted(set(self.scaled))}",
            ]
        )


class Once:
    """Asks a gateway, once and not again; each thread has its connection.

    A body of every `LARGE`-th text is one that the second HAProxy holds.
    """

    def __init__(self, url: str) -> None:
        self.url, self.local = f"{url}/embed", threading.local()

    def embed(self, text: str) -> Any:
        """One vector."""
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
        body = json.dumps({"inputs": text}) + " " * (2 * bodies.HELD if text in TEXTS[::LARGE] else 0)
        answer = self.local.session.post(self.url, data=body, headers=JSON, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()


def run(server: Cli, door: Gateway | None, seconds: float, every: float, seed: int) -> Report:
    """Kill and scale while clients ask."""
    report, done = Report(), threading.Event()
    with BertClient(server.url, timeout=TIMEOUT, retries=TIMEOUT) as client:
        wanted, asked = client.embed(TEXTS), Once(door.url) if door else client

        def asking(number: int) -> None:
            turn = number
            while not done.is_set():
                turn = (turn + CLIENTS + 1) % len(TEXTS)
                ask(asked, TEXTS[turn], wanted[turn], report)

        def scaling() -> None:
            for size in cycle(SIZES):
                if done.wait(1):
                    return
                report.scaled.append(scale(server, size))

        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            running = [*(pool.submit(asking, number) for number in range(CLIENTS)), pool.submit(scaling)]
            try:
                kill_for(server, door, seconds, every, random.Random(seed), report)
            finally:
                done.set()
            for each in running:
                each.result()
    return report


def ask(client: BertClient | Once, text: str, wanted: np.ndarray, report: Report) -> None:
    """One call, and what came of it."""
    begun = time.monotonic()
    try:
        (vector,) = client.embed(text)
    except Exception as error:  # of whatever kind: a client notices it
        now = time.monotonic()
        with report.lock:
            in_flight = any(begun < ended and killed <= now < ended + 1 for killed, ended in report.door)
            if in_flight and (isinstance(error, requests.ConnectionError) or status_of(error) == CUT):
                report.cut += 1
            else:
                since = [f"{begun - killed:.3f} s" for killed, _ in report.door]
                report.failed.append(
                    f"{text}, after {now - begun:.3f} s, begun {since} after HAProxy was killed: "
                    f"{type(error).__name__}: {error}"
                )
        return
    off = float(np.abs(vector - wanted).max())
    with report.lock:
        report.slowest = max(report.slowest, time.monotonic() - begun)
        report.right += off < NEAR
        if off >= NEAR:
            report.wrong.append(f"{text}: off by {off}")


def status_of(error: Exception) -> int | None:
    """Of the answer that the error is about."""
    answer = getattr(error, "response", None)
    return None if answer is None else answer.status_code


def scale(server: Cli, size: int) -> int:
    """The exit code of `scale`."""
    try:
        server("scale", "bert", str(size), "--timeout", "120")
    except AssertionError as error:
        sys.stderr.write(f"scale {size}: {error}\n")
        return 1
    return 0


def kill_for(
    server: Cli, door: Gateway | None, seconds: float, every: float, rng: random.Random, report: Report
) -> None:
    """Every few seconds a worker, and once each of the others; nothing but what belongs to this server and gateway."""
    begun, turn = time.monotonic(), 0
    others = [partial(kill_supervisor, server), partial(kill_java, server)]
    if door:
        others += [partial(kill_watch, door)]
        others += [partial(kill_haproxy, door, config, rng) for config in (haproxy.CONFIG, bodies.CONFIG)]
    while (spent := time.monotonic() - begun) < seconds:
        time.sleep(every)
        if turn < len(others) and spent > seconds * (turn + 1) / (len(others) + 1):
            sys.stderr.write(f"{time.time():.3f} {others[turn].func.__name__}\n")
            others[turn](report)
            turn += 1
        elif workers := worker_pids(server):
            os.kill(rng.choice(workers), signal.SIGKILL)
            report.workers += 1


def kill_supervisor(server: Cli, report: Report) -> None:
    """The one of this server."""
    processes.find(remembered(server)["supervisor"]).kill()
    report.watches += 1


def kill_java(server: Cli, report: Report) -> None:
    """And wait until it is back."""
    processes.find(remembered(server)["pid"]).kill()
    report.java.append(until_answered(server))


def kill_watch(door: Gateway, report: Report) -> None:
    """The child of the process that keeps the door."""
    for watch in psutil.Process(door.pid).children():
        if watch.name() != HAPROXY:
            watch.kill()
            report.watches += 1


def kill_haproxy(door: Gateway, config: str, rng: random.Random, report: Report) -> None:
    """That which reads this file, or one of two while one hands over to the next."""
    running = psutil.Process(door.pid).children(recursive=True)
    killed = rng.choice([each for each in running if each.name() == HAPROXY and config in each.cmdline()])
    with report.lock:  # what fails meanwhile waits for its times
        begun = time.monotonic()
        killed.kill()
        processes.await_end([killed], 10)
        report.door.append((begun, time.monotonic()))


def remembered(server: Cli) -> dict[str, Any]:
    """The server as it is written down."""
    return dict(json.loads((server.runs / str(server.port) / "server.json").read_text()))


def worker_pids(server: Cli) -> list[int]:
    """Of the workers that are processes of its Java; none while that does not answer."""
    try:
        java = psutil.Process(remembered(server)["pid"])
        pids = {worker["pid"] for worker in server.workers("bert")}
        return [child.pid for child in java.children() if child.pid in pids and processes.known(child.pid)]
    except (requests.RequestException, psutil.NoSuchProcess):
        return []


def until_answered(server: Cli) -> float:
    """Seconds until a plain request is answered."""
    begun = time.monotonic()
    while True:
        try:
            body = {"inputs": TEXTS[0]}
            if requests.post(f"{server.url}/predictions/bert", json=body, timeout=60).status_code == 200:
                return time.monotonic() - begun
        except requests.RequestException:
            time.sleep(0.05)


def main() -> int:
    """The exit status: 0 when no call failed."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--every", type=float, default=3, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gateway", action="store_true", help="ask a gateway, without a retry, and kill HAProxy too")
    parser.add_argument("--logs", type=Path, help="folder that gets the logs of server and gateway")
    options = parser.parse_args()
    with started(free_port()) as server, gateway(server) if options.gateway else nullcontext() as door:
        report = run(server, door, options.seconds, options.every, options.seed)
        status = next(each for each in server.status() if "restarts" in each)
        print(report)
        for log in server.runs.rglob("*.log") if options.logs else ():
            copied = options.logs / log.relative_to(server.runs)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, copied)
        print(f"status: {json.dumps(status['restarts'] | {'last': None})}")
    print(f"load average of this machine with {os.cpu_count()} cores: {os.getloadavg()[0]:.1f}")
    print(json.dumps({"good": report.good}))
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
