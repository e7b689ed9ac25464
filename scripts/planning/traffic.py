"""When requests come, and how many tokens each has: numbers from a seed."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.load.workload import WORDS_MOST, WORDS_MU, WORDS_SIGMA

SPECIAL_TOKENS = 2
MOST_TOKENS = 1_000_000  # of a text, more than any model reads
NUMBER = re.compile("[0-9]{1,7}")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests with one text each.

    Attributes:
        due: seconds, ascending `(requests,)`.
        tokens: of each, with special tokens `(requests,)`.
        rate: requests per second, on average.
    """

    due: Floats
    tokens: Floats
    rate: float


def make(rate: float, count: int, tokens: str, seed: int = 0, shape: int = 1) -> Traffic:
    """Requests at random times: a Poisson process, or every `shape`-th request of one.

    Args:
        rate: requests per second.
        count: of requests.
        tokens: `mixed`, as `bench` has it, or a number.
        seed: of times and lengths, which are drawn apart: they are the same for every rate.
        shape: of the gamma distribution of the time between two requests.

    Raises:
        ValueError: `tokens` is neither.
    """
    times, lengths = (np.random.default_rng([seed, stream]) for stream in range(2))
    due = np.cumsum(times.gamma(shape, 1 / (shape * rate), count))
    return Traffic(due, draw(lengths, count, tokens), rate)


def draw(random: np.random.Generator, count: int, tokens: str) -> Floats:
    """Lengths of texts; `mixed` are those of `scripts.load.workload.make`."""
    if tokens == "mixed":
        words = np.clip(random.lognormal(WORDS_MU, WORDS_SIGMA, count), 1, WORDS_MOST).astype(int)
        return (words + SPECIAL_TOKENS).astype(float)
    if NUMBER.fullmatch(tokens) and SPECIAL_TOKENS <= int(tokens) <= MOST_TOKENS:
        return np.full(count, float(tokens))
    raise ValueError(
        f"--tokens {tokens} is not known; use mixed, or a number from {SPECIAL_TOKENS} to {MOST_TOKENS}, which counts "
        "special tokens"
    )
