"""Histograms as Prometheus reads them, made of plain counters: TorchServe's own have buckets that nobody can choose.

A histogram is a counter `NAME_bucket` for each upper bound `le`, which counts what is not above it, with `NAME_sum` and
`NAME_count`; see "histogram" in Prometheus' data model.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, product

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]
"""A counter's name, and its labels in the order that `config/metrics.yaml` has them."""


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """What is measured, and the upper bounds of its buckets, without the last one, which has none."""

    name: str
    bounds: tuple[float, ...]


class Observations:
    """Values since some moment, each counted in one bucket: an answer waits for that, and not for all the counters."""

    def __init__(self) -> None:
        self._found: dict[tuple[Histogram, Labels], list[float]] = {}  # of each bucket, and the sum of all

    def add(self, histogram: Histogram, value: float, labels: Labels = (), times: int = 1) -> None:
        """Count a value, `times` over."""
        found = self._found.setdefault((histogram, labels), [])
        if not found:
            found.extend([0] * (len(histogram.bounds) + 2))
        found[bisect_left(histogram.bounds, value)] += times
        found[-1] += times * value

    def counters(self) -> Iterator[tuple[Key, float]]:
        """The counters of all histograms that have values.

        Buckets with nothing in them are there as zeros: without its lower neighbours a bucket would seem to reach
        down to 0.
        """
        for (histogram, labels), (*buckets, total) in self._found.items():
            bounds = (*(f"{bound:g}" for bound in histogram.bounds), "+Inf")
            for bound, count in zip(bounds, accumulate(buckets), strict=True):
                yield (f"{histogram.name}_bucket", (*labels, ("le", bound))), count
            yield (f"{histogram.name}_sum", labels), total
            yield (f"{histogram.name}_count", labels), sum(buckets)


SECONDS = tuple(float(f"{digit}e{power}") for power, digit in product(range(-4, 2), (1, 2.5, 5)))
"""0.1 ms to 50 s."""
COUNTS = tuple(float(1 << power) for power in range(15))
"""1 to 16,384."""

REQUEST_SECONDS = Histogram("bert_request_seconds", SECONDS)
STAGE_SECONDS = Histogram("bert_batch_stage_seconds", SECONDS)
BATCH_REQUESTS = Histogram("bert_batch_requests", COUNTS)
BATCH_TEXTS = Histogram("bert_batch_texts", COUNTS)
BATCH_TOKENS = Histogram("bert_batch_tokens", COUNTS)
