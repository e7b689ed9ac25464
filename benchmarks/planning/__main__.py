"""`bert plan` against measurement: `python -m benchmarks.planning [ROUNDS]`, into `planning.json` and charts.

Of each archive the host is measured as `plan` does. Then each round sends open loops at shares of what a closed loop
gets just before. The simulation is given the same times of sending and lengths, the load generator as a part of the
host, since it takes cores of it, and the cores that other programs had meanwhile. And since a machine is not the same
from one ten seconds to the next, and 3 % of speed are 15 % of the wait at 80 % load, the host's times are scaled until
the simulation takes as much processor time of the workers, and of Java, as they took in that run: no latency is used.
Percentiles are the median of all rounds', measured ones and simulated ones, and so is how far these are apart in
the same run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
import psutil

from benchmarks.gpu import models
from benchmarks.gpu.sizes import Model
from scripts import paths
from scripts.console import err, out
from scripts.load import machine, report, served, workload
from scripts.load.loops import Outcome, Request, closed_loop, open_loop
from scripts.packing import pack
from scripts.planning import host as hosts
from scripts.planning import measuring
from scripts.planning.chart import Chart, Line
from scripts.planning.host import Host
from scripts.planning.measuring import Subject
from scripts.planning.simulation import simulate
from scripts.planning.traffic import Floats, Traffic
from scripts.server import launch, stop
from scripts.server.preflight import Options
from scripts.sources import presets, pull

SHARES = (0.3, 0.6, 0.8, 0.9)
"""Of the requests per second that a closed loop gets."""
SECONDS, LEAST = 15.0, 300  # of an open loop, and requests
SATURATED = 3.0  # seconds of a closed loop
ROUNDS = 3
SIMULATIONS = 10  # of each open loop, with other variations of batches
WIDER = Model(layers=12, hidden=512, heads=8, intermediate_size=2048)
"""3.6 times the layers' weights of the default model."""
PORT = 18600
ALLOWED = 0.15
QUIET, TRIES = 0.1, 2
"""Cores that others may have during a run, and how often it is made at most."""
LEVELS = (50, 99)
PRIORITY = -10
"""Niceness of the load generator where that is allowed: clients elsewhere would not wait for a core of the host."""
OF_WORKERS = ("batch_ms", "request_ms", "forward_ms", "token_ms", "cold_ms")
OF_JAVA = ("java_batch_ms", "frontend_ms")
TURNS = 5  # of scaling and simulating: batches depend on how fast they are


@dataclass
class Point:
    """A share of the capacity: latencies in seconds, measured and simulated, per round."""

    rates: list[float] = field(default_factory=list)
    measured: list[Floats] = field(default_factory=list)
    simulated: list[Floats] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    refused: list[tuple[float, float]] = field(default_factory=list)

    def off(self, level: int) -> float:
        """How far a simulated percentile is from the measured one, as a share of it: the median of all rounds."""
        pairs = zip(self.measured, self.simulated, strict=True)
        return float(np.median([np.percentile(there, level) / np.percentile(here, level) - 1 for here, there in pairs]))

    def row(self, name: str, share: float) -> dict[str, Any]:
        """Percentiles, in milliseconds, and how far the prediction is off."""
        found: dict[str, Any] = {"name": name, "share": share, "rate": round(float(np.mean(self.rates)), 1)}
        found["requests"] = sum(map(len, self.measured))
        for level in LEVELS:
            was, predicted = (
                1000 * float(np.median([np.percentile(each, level) for each in rounds]))
                for rounds in (self.measured, self.simulated)
            )
            found |= {f"p{level}_ms": round(was, 2), f"p{level}_predicted_ms": round(predicted, 2)}
            found[f"p{level}_off"] = round(self.off(level), 3)
        refused, predicted = np.median(self.refused, axis=0).round(4).tolist()
        found |= {"refused": refused, "refused_predicted": predicted}
        found |= {"others": np.round(self.others, 2).tolist(), "late_p99_ms": np.round(self.late, 1).tolist()}
        return found


def archives(store: Path, folder: Path) -> list[str]:
    """Pack the default model and a wider one with random weights; their names."""
    pack.pack(pull.pull(presets.DEFAULT), "minilm", "1.0", {}, store)
    pack.pack(models.save(folder / "wider", WIDER), "wider", "1.0", {}, store)
    return ["minilm", "wider"]


@contextmanager
def serving(store: Path, name: str) -> Iterator[Subject]:
    """A server with one of them."""
    server = launch.start(Options(store, (name,), inference_port=PORT))
    try:
        yield measuring.subject(server, name)
    finally:
        stop.stop(server, 2)


@contextmanager
def preferred() -> Iterator[None]:
    """Let this process go first while it sends."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds of processor time during a run; of others, cores."""

    workers: float
    java: float
    others: float


def saturated(subject: Subject) -> float:
    """Requests per second of a closed loop with all batches full, of mixed lengths.

    By Little's law, the number in flight over the mean latency: it does not count the end, when batches are not full.
    """
    made = workload.make("mixed", 200, 1, subject.model.tokenizer)
    in_flight = 2 * subject.place.workers * subject.place.batch_size
    sent = served.requests(subject.target, made, 1)
    with preferred():
        closed_loop(sent, in_flight, 1.0, whole=False)
        outcome = closed_loop(sent, in_flight, SATURATED)
    return in_flight / float(np.mean(outcome.latencies[in_flight:]))


def as_fast(host: Host, traffic: Traffic, used: Used) -> Host:
    """The host with its times scaled so that this traffic takes that much processor time of it."""
    for _ in range(TURNS):
        found = simulate(host, 1, traffic, clients_here=True)
        handed = found.batches * host.java_batch_ms / 1000
        workers = used.workers / (found.batch_seconds - handed)
        java = used.java / (handed + len(traffic.due) * host.frontend_ms / 1000)
        host = scaled(scaled(host, OF_WORKERS, workers), OF_JAVA, java)
    return host


def scaled(host: Host, names: Sequence[str], factor: float) -> Host:
    """With these of its times longer or shorter."""
    return msgspec.structs.replace(host, **{name: getattr(host, name) * factor for name in names})


def opened(subject: Subject, host: Host, share: float, seed: int, point: Point) -> None:
    """An open loop, and the simulation of the same requests, each from when it was really sent.

    A run that others had more than `QUIET` cores of is made again, at most `TRIES` times; the quietest counts.
    """
    runs = []
    for _ in range(TRIES):
        rate = share * saturated(subject)
        made = workload.make("mixed", max(LEAST, int(rate * SECONDS)), seed, subject.model.tokenizer)
        runs.append((rate, made, *watched(subject, served.requests(subject.target, made, 1), rate, seed)))
        if runs[-1][-1].others <= QUIET:
            break
    rate, made, outcome, used = min(runs, key=lambda run: run[-1].others)
    due = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, len(made.texts)))  # as in `open_loop`
    late = np.asarray(outcome.late)
    traffic = Traffic(np.sort(due + late), np.asarray(made.tokens, float), rate)
    client = 1000 * outcome.cpu_seconds / outcome.sent  # more for each request than where many are sent at once
    host = msgspec.structs.replace(host, other_cores=max(0.0, used.others), client_ms=client)
    host = as_fast(host, traffic, used)
    runs_of_it = [simulate(host, 1, traffic, number, clients_here=True) for number in range(SIMULATIONS)]
    found = np.concatenate([each.latencies + late for each in runs_of_it])
    point.rates.append(rate)
    point.measured.append(np.asarray(outcome.latencies))
    point.simulated.append(found[~np.isnan(found)])
    point.others.append(used.others)
    point.late.append(1000 * float(np.percentile(late, 99)))
    simulated = float(np.mean([each.refused for each in runs_of_it]))
    point.refused.append((sum(outcome.errors.values()) / outcome.sent, simulated))
    show(rate, point, len(runs))


def watched(subject: Subject, sent: list[Request], rate: float, seed: int) -> tuple[Outcome, Used]:
    """An open loop, and what was used meanwhile, by the server's processes and by what is neither they nor this one."""
    closed_loop(sent, 4, 1.0, whole=False)
    before, begin = used_so_far(subject), perf_counter()
    with preferred():
        outcome = open_loop(sent, rate, seed)
    seconds, after = perf_counter() - begin, used_so_far(subject)
    others = (after.others - before.others) / seconds
    return outcome, Used(after.workers - before.workers, after.java - before.java, others)


def show(rate: float, point: Point, tries: int) -> None:
    """The last run, as it comes."""
    levels = [
        f"p{level} {1000 * np.percentile(point.measured[-1], level):.1f} ms, "
        f"simulated {1000 * np.percentile(point.simulated[-1], level):.1f}"
        for level in LEVELS
    ]
    err.print(f"{rate:.0f}/s: {'; '.join(levels)}; others had {point.others[-1]:.2f} cores, try {tries}")


def busy_seconds() -> float:
    """Processor time of the whole machine so far."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def used_so_far(subject: Subject) -> Used:
    """Seconds; of others, too, which are neither the server nor this process."""
    own, all_of_it = psutil.Process().cpu_times(), busy_seconds()
    seconds = served.cpu_seconds(subject.target.pids)
    java = sum(used for pid, used in seconds.items() if psutil.Process(pid).name().startswith("java"))
    server = sum(seconds.values())
    return Used(server - java, java, all_of_it - server - own.user - own.system)


def compare(store: Path, name: str, rounds: int) -> dict[str, Any]:
    """One archive."""
    points = {share: Point() for share in SHARES}
    with serving(store, name) as subject:
        host, rows = measuring.measure(subject)
        err.print(f"{name}: {host}")
        for turn in range(rounds):
            for share in SHARES:
                opened(subject, host, share, 100 * turn + int(100 * share), points[share])
    measured = {"host": hosts.as_dict(host), "measured": rows}
    return measured | {"rows": [point.row(name, share) for share, point in points.items()]}


def draw(name: str, rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Measured points on simulated lines."""
    lines = []
    for level in LEVELS:
        lines.append(Line(f"p{level} as simulated", [(row["rate"], row[f"p{level}_predicted_ms"]) for row in rows]))
        lines.append(Line(f"p{level} as measured", [(row["rate"], row[f"p{level}_ms"]) for row in rows], dots=True))
    last = rows[-1]
    Chart(f"{name}: latency over load", lines, ("requests per second", last["rate"]), ("ms", last["p99_ms"])).save(file)


def main(rounds: int) -> None:
    """Both archives."""
    folder, results = machine.results(), {}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as here:
        store = Path(here) / "store"
        store.mkdir()
        paths.RUNS = Path(here) / "runs"
        for name in archives(store, Path(here)):
            results[name] = compare(store, name, rounds)
            draw(name, results[name]["rows"], folder / f"planning-{name}.svg")
    rows = [row for result in results.values() for row in result["rows"]]
    report.save({"machine": machine.describe(), "seconds": SECONDS, "results": results}, folder / "planning.json")
    out.print(report.table(rows, {key: key.replace("_", " ") for key in rows[0]}))
    missed = [row for row in rows if max(abs(row[f"p{level}_off"]) for level in LEVELS) > ALLOWED]
    out.print(f"{len(rows) - len(missed)} of {len(rows)} within {ALLOWED:.0%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
