"""How many tokens of a forward pass suit a GPU: measured when the first worker starts, and kept for the others."""

from __future__ import annotations

import fcntl
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import torch

from handler.batching import DEFAULT_TOKEN_BUDGET
from handler.config import HandlerConfig
from handler.errors import exhausted
from handler.runtimes.base import Placement, Runtime
from handler.types import Encoding

SIZES = (2048, 4096, 8192, 16384, 32768, 65536)
"""Tried in turn."""
GAIN = 1.05
"""More tokens are not worth their memory, and the time that others wait for them, for less."""
LENGTH = 128
"""Tokens of each sequence; about what a passage has."""


def load_or_measure(runtime: Runtime, placement: Placement, checkpoint: Path, config: HandlerConfig) -> int:
    """Tokens of a pass; on a CPU `DEFAULT_TOKEN_BUDGET`."""
    if not runtime.outputs_on_device:
        return DEFAULT_TOKEN_BUDGET
    known = checkpoint / f"tokens-{runtime.name}-{placement.device.replace(':', '-')}-{placement.dtype}"
    with (checkpoint / "config.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that measure at once would measure each other
        if not known.exists():
            found = choose(runtime, min(LENGTH, config.max_length))
            part = known.with_suffix(".part")
            part.write_text(str(found))
            part.replace(known)
    return int(known.read_text())


def choose(runtime: Runtime, length: int) -> int:
    """The smallest of `SIZES` after which the rate rises by less than `GAIN`, or the memory ends."""
    rates: dict[int, float] = {}
    for size in SIZES:
        try:
            rates[size] = rate(runtime, size, length)
        except RuntimeError as error:
            if not exhausted(error):
                raise
            break
        if len(rates) > 1 and rates[size] < GAIN * rates[size // 2]:
            break
    torch.cuda.empty_cache()  # other workers need what the largest pass took
    best = [small for small, large in pairwise(rates) if rates[large] < GAIN * rates[small]]
    return best[0] if best else max(rates, default=DEFAULT_TOKEN_BUDGET)


def rate(runtime: Runtime, tokens: int, length: int) -> float:
    """Tokens per second, the better of two passes after one that sets up libraries and memory."""
    ids = [1] * length
    batch = [Encoding(ids, [0] * length, [0] * length)] * max(1, tokens // length)
    times = []
    for _ in range(3):
        start = perf_counter()
        runtime.run(batch)
        runtime.finish()
        times.append(perf_counter() - start)
    return length * len(batch) / min(times[1:])
