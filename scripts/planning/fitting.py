"""Rows of `bench` to a `Host`: what a batch, a request and a token cost, by least squares."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from scripts.console import Failure
from scripts.planning.host import Host
from scripts.planning.observation import Closed

NORMAL_90 = 1.2816
"""90th percentile of the standard normal distribution."""
DIGITS = 5
TINY = 1e-9


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a host without measuring, as `bench` writes it beside its rows; see `Host`.

    Attributes:
        workers: that were measured.
    """

    cores: int
    workers: int
    batch_size: int
    batch_delay_ms: int
    queue: int
    threads: int
    attention: float


def fit(rows: Sequence[Closed], place: Place) -> Host:
    """A host whose batches take what was measured.

    Processor time of a batch is `batch_ms + n * request_ms + n * tokens * token_ms`; the rest follows from rows with
    one request in flight (speedup, overhead) and from those with the most (what Java takes beside the workers).

    Raises:
        Failure: a kind of row is missing.
    """
    alone, full = kinds(rows, place)
    delay = place.batch_delay_ms if place.batch_size > 1 else 0
    batch, request, token = costs(rows)
    serial = batch + request
    turnaround = mean([turnaround_ms(row, place.batch_size, delay) for row in full])
    ratios = [token * row.tokens / max(TINY, row.wall - serial) for row in alone]
    speedup = mean([min(place.cores, max(1.0, ratio)) for ratio in ratios])
    work = [serial + turnaround + token * row.tokens / speedup for row in alone]
    spreads = [row.spread / NORMAL_90 / row.latency for row in alone if row.fixed]
    found = {
        "batch_ms": batch,
        "request_ms": request,
        "token_ms": token,
        "turnaround_ms": turnaround,
        "frontend_ms": max(0.0, mean([row.java for row in full]) - turnaround),
        "client_ms": mean([row.client for row in full]),
        "speedup": speedup,
        "overhead_ms": mean([row.latency - delay - busy for row, busy in zip(alone, work, strict=True)]),
        "variation": mean(spreads) if spreads else 0.0,
    }
    return msgspec.convert(
        msgspec.to_builtins(place) | {key: round(value, DIGITS) for key, value in found.items()}, Host
    )


def levels(place: Place) -> tuple[int, int, int]:
    """Requests in flight to measure with: one, a few for each worker, and two batches for each worker.

    There are never more than the queue holds, so that none is refused whatever the workers are at: the queue does not
    grow with them, and refusals take cores from what is measured.
    """
    few = 2 * place.workers
    return 1, few, max(few, min(few * place.batch_size, place.queue))


def kinds(rows: Sequence[Closed], place: Place) -> tuple[list[Closed], list[Closed]]:
    """Rows with one request in flight, and those with the most.

    Raises:
        Failure: there are none, or the most do not keep all workers busy.
    """
    alone = [row for row in rows if row.in_flight == 1]
    most = max((row.in_flight for row in rows), default=0)
    if not alone or most < 2 * place.workers:
        enough = ",".join(map(str, levels(place)))
        raise Failure(
            f"{len(alone)} rows with one request in flight, and at most {most} in flight for {place.workers} workers",
            fix=f"scripts/bert bench NAME --in-flight {enough} --save FILE",
        )
    return alone, [row for row in rows if row.in_flight == most]


def costs(rows: Sequence[Closed]) -> list[float]:
    """Milliseconds per batch, request and token: least squares of relative errors, none of them negative."""
    measured = np.array([row.worker for row in rows])
    factors = np.array([[1, row.batch, row.batch * row.tokens] for row in rows]) / measured[:, None]
    kept = [0, 1, 2]
    while True:
        found = np.linalg.lstsq(factors[:, kept], np.ones(len(rows)), rcond=None)[0]
        if found.min() >= 0:
            break
        kept.pop(int(found.argmin()))
    by_column = dict(zip(kept, found.tolist(), strict=True))
    return [by_column.get(column, 0.0) for column in range(3)]


def turnaround_ms(row: Closed, size: int, delay: float) -> float:
    """Of a saturated server, per request: Java's work while a worker waits for its next batch.

    That is the wait without the delay of a batch that is not full, but no more than Java's processor time: on few cores
    most of the wait is for a core, which the simulation makes by itself and which would be counted twice.
    """
    waited = max(0.0, row.idle - (0.0 if row.batch > size - 0.5 else delay)) / row.batch
    return min(waited, row.java)


def mean(values: Sequence[float]) -> float:
    """Of at least one."""
    return float(np.mean(values))
