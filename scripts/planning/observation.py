"""What a row of `bench` says of the time of a batch and of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handler.telemetry import STAGES
from scripts.load.workload import ModelShape
from scripts.planning import traffic

DRAWN = 20_000  # texts, for the mean of a workload's lengths


@dataclass(frozen=True, slots=True)
class Closed:
    """A row of a closed loop with one text per request. Times are milliseconds.

    Attributes:
        in_flight: requests at all times.
        batch: mean number of requests in a batch.
        tokens: mean of `l * (1 + attention * l)` over the texts.
        worker: processor time of a batch, in the workers.
        serial: time of a batch in its worker, from reading to writing messages, but for the forward.
        forward: time of a batch's forward.
        idle: between two batches of a worker.
        java: processor time of a request in TorchServe's frontend.
        client: processor time of a request in the load generator; 0 where the row does not have it.
        latency: mean.
        spread: of latencies: from the median to the 90th percentile.
        fixed: whether all texts have one length.
        workload: its name.
        pause: of a client after each answer.
    """

    in_flight: int
    batch: float
    tokens: float
    worker: float
    serial: float
    forward: float
    idle: float
    java: float
    client: float
    latency: float
    spread: float
    fixed: bool
    workload: str
    pause: float


def closed(row: Mapping[str, Any], workload: str, attention: float) -> Closed:
    """Read a row; `workload` is its name, `attention` that of the host.

    Raises:
        KeyError: the row is none of a closed loop on a server of this project.
    """
    requests, stages = row["requests"], row["stages"]
    lengths = traffic.draw(np.random.default_rng(0), DRAWN, workload)
    lengths *= row["tokens_per_second"] / row["texts_per_second"] / lengths.mean()  # those that were sent
    used = {True: 0.0, False: 0.0}
    for process, seconds in row["cpu_seconds"].items():
        used[process.startswith("java")] += seconds
    each = {name: stages[name] * stages["batch"] for name in (*STAGES, "wire", "idle")}
    return Closed(
        in_flight=row["in_flight"],
        batch=stages["batch"],
        tokens=float(np.mean(lengths * (1 + attention * lengths))),
        worker=1000 * used[False] / requests * stages["batch"],
        serial=sum(each.values()) - each["idle"] - each["forward"],
        forward=each["forward"],
        idle=each["idle"],
        java=1000 * used[True] / requests,
        client=1000 * row.get("client_cpu_seconds", 0.0) / requests,
        latency=row["mean_ms"],
        spread=row["p90_ms"] - row["p50_ms"],
        fixed=workload != "mixed",
        workload=workload,
        pause=row.get("pause_ms", 0.0),
    )


def attention(shape: ModelShape) -> float:
    """What a token of a text with `l` tokens costs is proportional to `1 + attention * l`: see `ModelShape.flops`."""
    return 4 * shape.hidden / (8 * shape.hidden**2 + 4 * shape.hidden * shape.intermediate_size)
