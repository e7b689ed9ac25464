"""Histograms as Prometheus reads them, made of plain counters: TorchServe's own have buckets that nobody can choose.

A histogram is a counter `NAME_bucket` for each upper bound `le`, which counts what is not above it, with `NAME_sum` and
`NAME_count`; see "histogram" in Prometheus' data model.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]
"""A counter's name, and its labels in the order that `config/metrics.yaml` has them."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """What is measured, and the upper bounds of its buckets, without the last one, which has none."""

    name: str
    bounds: tuple[float, ...]

    def observe(self, into: Counter[Key], value: float, labels: Labels = (), times: int = 1) -> None:
        """Count a value, `times` over.

        Buckets with nothing in them are there as zeros: without its lower neighbours a bucket would seem to reach
        down to 0.
        """
        for bound in self.bounds:
            into[f"{self.name}_bucket", (*labels, ("le", f"{bound:g}"))] += times * (value <= bound)
        into[f"{self.name}_bucket", (*labels, ("le", "+Inf"))] += times
        into[f"{self.name}_sum", labels] += times * value  # type: ignore[assignment]
        into[f"{self.name}_count", labels] += times


SECONDS = tuple(float(f"{digit}e{power}") for power, digit in product(range(-4, 2), (1, 2.5, 5)))
"""0.1 ms to 50 s."""
COUNTS = tuple(float(1 << power) for power in range(15))
"""1 to 16,384."""

REQUEST_SECONDS = Histogram("bert_request_seconds", SECONDS)
STAGE_SECONDS = Histogram("bert_batch_stage_seconds", SECONDS)
BATCH_REQUESTS = Histogram("bert_batch_requests", COUNTS)
BATCH_TEXTS = Histogram("bert_batch_texts", COUNTS)
BATCH_TOKENS = Histogram("bert_batch_tokens", COUNTS)
