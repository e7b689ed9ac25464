"""Several processes that send load at the same time, and the sum of what they find."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import msgspec
import numpy as np
from msgspec.structs import replace

from benchmarks.gpu.served import sender
from benchmarks.gpu.served.sender import Order, Share
from scripts.paths import ROOT


def send(order: Order, processes: int, begun: Callable[[], None]) -> list[Share]:
    """Run an order in that many processes, which share its requests in flight.

    Args:
        order: for all of them together.
        processes: at most; never more than requests in flight.
        begun: called when all are warm and measuring is about to begin.

    Raises:
        RuntimeError: one of them ended before its time.
    """
    orders = [replace(order, in_flight=n, seed=seed) for seed, n in enumerate(shares(order.in_flight, processes))]
    with running(orders) as started:
        for process in started:
            if stream(process.stdout).readline() != sender.READY:
                raise RuntimeError(f"a load process ended with {process.wait()}; its traceback is in the log")
        begun()
        for process in started:
            stream(process.stdin).write(b"go\n")
            stream(process.stdin).flush()
        return [msgspec.json.decode(stream(process.stdout).read(), type=Share) for process in started]


def shares(in_flight: int, processes: int) -> list[int]:
    """Requests in flight for each process."""
    count = max(1, min(processes, in_flight))
    return [in_flight // count + (number < in_flight % count) for number in range(count)]


@contextmanager
def running(orders: Sequence[Order]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One process per order; none is left behind."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for order in orders:
            command = [sys.executable, "-m", sender.__name__, msgspec.json.encode(order).decode()]
            started.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        yield started
    finally:
        for process in started:
            process.kill()  # ended long ago unless something went wrong
            process.communicate()


def stream(file: IO[bytes] | None) -> IO[bytes]:
    """A pipe that is there, since it was asked for."""
    assert file is not None
    return file


def summary(found: Sequence[Share], tokens: float) -> dict[str, Any]:
    """Rates over the longest of their times, latencies of all.

    Args:
        found: at least one.
        tokens: of a text, on average.
    """
    seconds = max(share.seconds for share in found)
    latencies = np.concatenate([share.latencies for share in found]) * 1000
    texts = sum(share.texts for share in found)
    errors: Counter[str] = Counter()
    for share in found:
        errors.update(share.errors)
    return {
        "seconds": round(seconds, 2),
        "requests_per_second": round(len(latencies) / seconds, 1),
        "texts_per_second": round(texts / seconds, 1),
        "tokens_per_second": round(texts * tokens / seconds),
        **{f"p{level}_ms": percentile(latencies, level) for level in (50, 99)},
        "requests": len(latencies),
        "errors": dict(errors),
    }


def percentile(latencies: np.ndarray[Any, np.dtype[np.float64]], level: int) -> float | None:
    """In the unit of the latencies; None without any."""
    return round(float(np.percentile(latencies, level)), 2) if len(latencies) else None
