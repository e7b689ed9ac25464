"""Sequences of all requests to batches of about equal length, under a token budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handler.types import Encoding

DEFAULT_TOKEN_BUDGET = 1024
"""Of a forward pass on a CPU, where an archive does not say; 512 to 2048 are about equal."""
MAX_PADDING_RATIO = 1.5  # places per token; 1.25 and 2 were slower for batches of 15 texts of mixed lengths
MIN_BATCH_TOKENS = 128  # tokens; fewer rows make slow matrix products


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences that run together.

    Attributes:
        positions: where each of them stood in the list given to `make_batches`.
        encodings: the sequences, shortest first.
    """

    positions: list[int]
    encodings: list[Encoding]


def make_batches(
    encodings: Sequence[Encoding], token_budget: int, padded: bool, equal_lengths: bool = False
) -> list[Batch]:
    """Cut the sequences, in order of length, into batches of at most `token_budget` tokens.

    Short ones come first: should time run out, it is the long ones that go without. A sequence longer than the budget
    is a batch of its own. With `padded`, a sequence costs as much as the longest of its batch, and a batch that is
    large enough ends where it would become much padding. With `equal_lengths` there is none at all.
    """
    batches: list[Batch] = []
    tokens = 0
    for position in sorted(range(len(encodings)), key=lambda position: len(encodings[position])):
        encoding = encodings[position]
        longer = tokens + len(encoding)
        cost = len(encoding) * (len(batches[-1].positions) + 1) if padded and batches else longer
        wasteful = tokens >= MIN_BATCH_TOKENS and cost > MAX_PADDING_RATIO * longer
        other = equal_lengths and batches and len(encoding) > len(batches[-1].encodings[-1])
        if not batches or cost > token_budget or wasteful or other:
            batches.append(Batch([], []))
            longer = len(encoding)
        batches[-1].positions.append(position)
        batches[-1].encodings.append(encoding)
        tokens = longer
    return batches
