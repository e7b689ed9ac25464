"""Measures a running server: one row per concurrency or arrival rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import psutil

from scripts.load import stage_times
from scripts.load.loops import Outcome, Request, closed_loop, open_loop
from scripts.load.workload import ModelShape, Workload

WARM_UP_SECONDS = 3.0  # of the same load before measuring: Java compiles what runs often
MEASURED_SECONDS = 5.0  # at least


@dataclass(frozen=True, slots=True)
class Target:
    """A server's route and the body it wants.

    Attributes:
        url: where to post.
        fields: keys of the body beside the texts.
        key: the key of the texts.
        pids: its processes, whose CPU time is counted.
        single: whether it takes a text and not a list of them.
        metrics: this project's counters; empty for other servers.
        head: more header lines of each request, each with its end.
    """

    url: str
    fields: dict[str, Any]
    key: str = "inputs"
    pids: Sequence[int] = ()
    single: bool = False
    metrics: str = ""
    head: str = ""


def requests(target: Target, workload: Workload, texts_each: int) -> list[Request]:
    """The workload as requests."""
    groups = (workload.texts[start : start + texts_each] for start in range(0, len(workload.texts), texts_each))
    return [
        Request(
            target.url,
            orjson.dumps({target.key: texts[0] if target.single else texts, **target.fields}),
            len(texts),
            target.head,
        )
        for texts in groups
    ]


def closed(
    target: Target,
    workload: Workload,
    texts_each: int,
    in_flight: int,
    shape: ModelShape,
    warm_up_seconds: float = WARM_UP_SECONDS,
    seconds: float = MEASURED_SECONDS,
    pause: float = 0,
) -> dict[str, Any]:
    """Closed loop: that many requests in flight at all times, or as many clients that each pause after an answer.

    The workload is sent whole, as often as it takes, so that fast and slow servers get the same mix of lengths.
    """
    sent = requests(target, workload, texts_each)
    counted = stage_times.read(target.metrics) if target.metrics else {}
    warm_up = closed_loop(sent, in_flight, warm_up_seconds, False, pause)
    if target.metrics:
        counted = stage_times.await_requests(target.metrics, counted, len(warm_up.latencies))
    before = cpu_seconds(target.pids)
    outcome = closed_loop(sent, in_flight, seconds, pause=pause)
    used = spent(before, cpu_seconds(target.pids))
    row = {
        "in_flight": in_flight,
        **({"pause_ms": 1000 * pause} if pause else {}),
        **summary(outcome, workload, shape),
        "cpu_seconds": used,
        "client_cpu_seconds": round(outcome.cpu_seconds, 3),
    }
    if target.metrics and outcome.latencies:  # what TorchServe refuses, no worker counts
        after = stage_times.await_requests(target.metrics, counted, len(outcome.latencies))
        row["stages"] = stage_times.per_text(counted, after, row["mean_ms"], in_flight == texts_each == 1)
    return row


def opened(target: Target, workload: Workload, texts_each: int, rate: float, shape: ModelShape) -> dict[str, Any]:
    """Open loop: that many requests per second on average, at random times."""
    sent = requests(target, workload, texts_each)
    closed_loop(sent, 4, WARM_UP_SECONDS, whole=False)
    before = cpu_seconds(target.pids)
    outcome = open_loop(sent, rate)
    row = summary(outcome, workload, shape)
    return {"rate": rate, **row, "cpu_seconds": spent(before, cpu_seconds(target.pids))}


def summary(outcome: Outcome, workload: Workload, shape: ModelShape) -> dict[str, Any]:
    """Rates, latencies in milliseconds, and useful FLOP/s, which do not count padding."""
    latencies = np.asarray(outcome.latencies or [np.nan]) * 1000
    cycles = outcome.texts / len(workload.texts)  # a fraction where requests failed
    return {
        "requests": len(outcome.latencies),
        "errors": outcome.errors,
        "seconds": round(outcome.seconds, 3),
        "requests_per_second": round(len(outcome.latencies) / outcome.seconds, 2),
        "texts_per_second": round(outcome.texts / outcome.seconds, 2),
        "tokens_per_second": round(sum(workload.tokens) * cycles / outcome.seconds, 1),
        "useful_gflops": round(shape.flops(workload.tokens) * cycles / outcome.seconds / 1e9, 2),
        **{f"p{level}_ms": round(float(np.percentile(latencies, level)), 2) for level in (50, 90, 99)},
        "mean_ms": round(float(latencies.mean()), 2),
    }


def cpu_seconds(pids: Sequence[int]) -> dict[int, float]:
    """User and system time of each process so far."""
    times = {}
    for pid in pids:
        try:
            used = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            continue
        times[pid] = used.user + used.system
    return times


def spent(before: dict[int, float], after: dict[int, float]) -> dict[str, float]:
    """Difference, by the process's name and id."""
    return {f"{psutil.Process(pid).name()} {pid}": round(after[pid] - before[pid], 2) for pid in after if pid in before}
