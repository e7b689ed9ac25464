"""Sequences of all requests to batches of about equal length, under a token budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handler.call import Encoding


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences that run together.

    Attributes:
        positions: where each of them stood in the list given to `plan`.
        encodings: the sequences, shortest first.
    """

    positions: list[int]
    encodings: list[Encoding]


def plan(encodings: Sequence[Encoding], token_budget: int, padded: bool) -> list[Batch]:
    """Cut the sequences, in order of length, into batches of at most `token_budget` tokens.

    Short ones come first: should time run out, it is the long ones that go without. A sequence longer than the budget
    is a batch of its own. With `padded`, a sequence costs as much as the longest of its batch.
    """
    batches: list[Batch] = []
    tokens = 0
    for position in sorted(range(len(encodings)), key=lambda position: len(encodings[position])):
        encoding = encodings[position]
        size = len(batches[-1].positions) if batches else 0
        cost = len(encoding) * (size + 1) if padded else tokens + len(encoding)
        if not batches or cost > token_budget:
            batches.append(Batch([], []))
            cost = len(encoding)
        batches[-1].positions.append(position)
        batches[-1].encodings.append(encoding)
        tokens = cost
    return batches
