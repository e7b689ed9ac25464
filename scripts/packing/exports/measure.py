"""How far an engine is from the model it was made from."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from handler.runtimes.base import Runtime
from handler.types import Encoding

LENGTHS = (1, 2, 7, 16, 33, 64)
BATCHES = (1, 3)


@dataclass(frozen=True, slots=True)
class Difference:
    """Over random tokens at every length and batch size.

    Attributes:
        hidden: largest difference of a value of the last hidden state.
        pooled: of the pooled output; None where there is none.
        cosine: smallest cosine between the means of a sequence's states.
        sequences: how many were compared.
    """

    hidden: float
    pooled: float | None
    cosine: float
    sequences: int

    def report(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def difference(runtime: Runtime, reference: Runtime, vocabulary: int, longest: int) -> Difference:
    """Compare two engines."""
    generator = random.Random(0)
    hidden, pooled, cosines = [0.0], list[float](), [1.0]
    for size in BATCHES:
        lengths = [length for length in LENGTHS if length <= longest]
        for start in range(len(lengths)):
            batch = [sequence(generator, vocabulary, length) for length in lengths[start : start + size]]
            for ours, theirs in zip(runtime.run(batch), reference.run(batch), strict=True):
                hidden.append(float(np.abs(ours.hidden - theirs.hidden).max()))
                cosines.append(cosine(ours.hidden.mean(0), theirs.hidden.mean(0)))
                if ours.pooled is not None and theirs.pooled is not None:
                    pooled.append(float(np.abs(ours.pooled - theirs.pooled).max()))
    return Difference(max(hidden), max(pooled, default=None), min(cosines), len(hidden) - 1)


def sequence(generator: random.Random, vocabulary: int, length: int) -> Encoding:
    """Random tokens."""
    ids = [generator.randrange(1, vocabulary) for _ in range(length)]
    return Encoding(ids, [0] * length, [0] * length, [(0, 0)] * length)


def cosine(left: Any, right: Any) -> float:
    """Of two vectors."""
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))
