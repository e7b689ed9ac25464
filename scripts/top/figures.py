"""What happened between two moments, per model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from handler.telemetry import STAGES
from scripts.top.exposition import Values

WORKING = (*STAGES, "wire")
SERVER_ERRORS = "5"


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a model; None where there was nothing to measure.

    Attributes:
        requests: per second, answered or refused by workers.
        errors: per second, by type.
        p50_ms: half of the requests took no longer in their worker.
        p99_ms: 99 of 100 took no longer.
        queueing_ms: mean time before a worker took a request.
        batch: mean number of requests in a batch.
        texts: per second.
        tokens: per second.
        truncated: texts per second.
        utilization: share of the workers' time, by stage.
        restarts: workers that died and were replaced since the start of the server.
    """

    requests: float
    errors: dict[str, float]
    p50_ms: float | None
    p99_ms: float | None
    queueing_ms: float | None
    batch: float | None
    texts: float
    tokens: float
    truncated: float
    utilization: dict[str, float]
    restarts: int


def measure(model: str, before: Values, after: Values, seconds: float, workers: int) -> Figures:
    """From the counters of two moments so many seconds apart, while there were so many workers."""
    change = after.since(before)

    def count(name: str) -> float:
        return change.total(name, ModelName=model)

    answered = count("bert_requests")
    waited = change.total("ts_queue_latency_microseconds", model_name=model) / 1000
    buckets = change.by("le", "bert_request_seconds_bucket", ModelName=model)
    stages = change.by("stage", "bert_stage_seconds", ModelName=model)
    failed = change.by("error_type", "bert_errors", ModelName=model)
    return Figures(
        requests=answered / seconds,
        errors={kind: number / seconds for kind, number in failed.items() if number},
        p50_ms=quantile(0.5, buckets),
        p99_ms=quantile(0.99, buckets),
        queueing_ms=ratio(waited, answered),
        batch=ratio(answered, count("bert_batches")),
        texts=count("bert_texts") / seconds,
        tokens=count("bert_tokens") / seconds,
        truncated=count("bert_truncations") / seconds,
        utilization={stage: stages.get(stage, 0.0) / seconds / max(workers, 1) for stage in WORKING},
        restarts=int(after.total("bert_worker_restarts", ModelName=model)),
    )


def turned_away(before: Values, after: Values, seconds: float) -> float:
    """Requests per second that TorchServe refused itself: its queue was full, or a worker died with them."""
    change = after.since(before)
    own = sum(
        value
        for labels, value in change.select("bert_request_seconds_count")
        if labels["status"].startswith(SERVER_ERRORS)
    )
    return max(change.total("Requests5XX") - own, 0.0) / seconds


def ratio(part: float, whole: float) -> float | None:
    """None of nothing."""
    return part / whole if whole else None


def quantile(share: float, buckets: Mapping[str, float]) -> float | None:
    """Milliseconds; as Prometheus' `histogram_quantile`, linear between the bounds of a bucket.

    Beyond the last bound it is that bound.
    """
    bounds = sorted((float(bound), count) for bound, count in buckets.items())
    if not bounds or not bounds[-1][1]:
        return None
    rank = share * bounds[-1][1]
    lower, below = 0.0, 0.0
    for upper, count in bounds:
        if count >= rank:
            inside = (rank - below) / (count - below) if count > below else 0.0
            return 1000 * (lower if math.isinf(upper) else lower + (upper - lower) * inside)
        lower, below = upper, count
    return None
