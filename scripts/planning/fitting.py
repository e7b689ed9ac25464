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
TURNS = 50  # until costs and speedup agree
DIFFERENT = 0.1
"""Requests by which mean batches must differ to tell what a batch costs from what a request does."""


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

    A batch takes `batch_ms + n * request_ms` outside its forward, and `forward_ms + n * tokens * token_ms` of one
    thread in it; the rest follows from rows with one request in flight (speedup, overhead), from those with the most
    (what Java takes beside the workers), and from clients that pause (what rest costs), where there are any.

    Raises:
        Failure: a kind of row is missing.
    """
    rested, rows = [row for row in rows if row.pause], [row for row in rows if not row.pause]
    alone, full = kinds(rows, place)
    delay = place.batch_delay_ms if place.batch_size > 1 else 0
    batch, request = split(rows, [row.serial for row in rows])
    forward, token, speedup = forward_costs(rows, place, batch, request)
    java_batch, java_request = split(rows, [row.java * row.batch for row in rows])
    # On few cores most of the wait is for a core, which the simulation makes by itself.
    handover = min(java_batch, mean([waited(row, place.batch_size, delay) for row in full]))
    work = [batch + request + handover + (forward + token * row.tokens) / speedup for row in alone]
    spreads = [row.spread / NORMAL_90 / row.latency for row in alone if row.fixed]
    found = {
        "batch_ms": batch,
        "request_ms": request,
        "forward_ms": forward,
        "token_ms": token,
        "java_batch_ms": handover,
        "frontend_ms": java_request + (java_batch - handover) / mean([row.batch for row in full]),
        "client_ms": mean([row.client for row in full]),
        "speedup": speedup,
        "overhead_ms": mean([row.latency - delay - busy for row, busy in zip(alone, work, strict=True)]),
        "cold_ms": max(0.0, mean([slower(row, alone) for row in rested])) if rested else 0.0,
        "variation": mean(spreads) if spreads else 0.0,
    }
    return msgspec.convert(
        msgspec.to_builtins(place) | {key: round(value, DIGITS) for key, value in found.items()}, Host
    )


def slower(rested: Closed, alone: Sequence[Closed]) -> float:
    """Milliseconds by which a lone request takes longer after a pause."""
    return rested.latency - mean([row.latency for row in alone if row.workload == rested.workload])


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


def split(rows: Sequence[Closed], measured: Sequence[float]) -> list[float]:
    """Milliseconds per batch and request of what a batch takes; all of it per batch where batches do not differ."""
    if max(row.batch for row in rows) - min(row.batch for row in rows) < DIFFERENT:
        return [mean(measured), 0.0]
    return nonnegative([[1, row.batch] for row in rows], measured)


def forward_costs(rows: Sequence[Closed], place: Place, batch: float, request: float) -> tuple[float, float, float]:
    """Milliseconds of one thread per forward and token, and how much faster all cores are.

    Threads that share a forward take more processor time than one would, since they wait for each other: as much as
    the speedup falls short of their number. So costs and speedup are found in turns.
    """
    speedup, alone = float(place.cores), [row for row in rows if row.in_flight == 1]
    factors = [[1, row.batch * row.tokens] for row in rows]
    used = [max(TINY, row.worker - batch - request * row.batch) for row in rows]
    for _ in range(TURNS):
        gain = (speedup - 1) / max(1, place.cores - 1)
        counts = [threads(row, place) for row in rows]
        work = [each * (1 + gain * (count - 1)) / count for each, count in zip(used, counts, strict=True)]
        forward, token = nonnegative(factors, work)
        ratios = [(forward + token * row.tokens) / max(TINY, row.forward) for row in alone]
        speedup = mean([min(place.cores, max(1.0, ratio)) for ratio in ratios])
    return forward, token, speedup


def threads(row: Closed, place: Place) -> int:
    """Of a forward: all cores for a lone request, else those that other workers leave."""
    return place.threads or (place.cores if row.in_flight == 1 else max(1, place.cores // place.workers))


def nonnegative(factors: Sequence[Sequence[float]], measured: Sequence[float]) -> list[float]:
    """Least squares of relative errors; factors that would be negative are left out, and are 0."""
    relative = np.array(factors) / np.maximum(TINY, np.array(measured))[:, None]
    kept = list(range(relative.shape[1]))
    while True:
        found = np.linalg.lstsq(relative[:, kept], np.ones(len(relative)), rcond=None)[0]
        if found.min() >= 0 or len(kept) == 1:
            break
        kept.pop(int(found.argmin()))
    by_column = dict(zip(kept, np.maximum(0, found).tolist(), strict=True))
    return [by_column.get(column, 0.0) for column in range(relative.shape[1])]


def waited(row: Closed, size: int, delay: float) -> float:
    """Milliseconds that a worker of a saturated server waits for its next batch, beside the delay of one not full."""
    return max(0.0, row.idle - (0.0 if row.batch > size - 0.5 else delay))


def mean(values: Sequence[float]) -> float:
    """Of at least one."""
    return float(np.mean(values))
