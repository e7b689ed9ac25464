"""`metrics.md`: what `/metrics` has, from the file that declares it to TorchServe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from scripts.paths import CONFIG
from scripts.reference.markdown import block, code, page, table

INTRODUCTION = """\
Prometheus reads `http://127.0.0.1:8082/metrics` (the inference port + 2; `start --metrics-host` binds another
address). Names and labels are declared in `config/metrics.yaml`. Counters are totals since the start of the server;
use `rate()`. A metric appears once it has a value. Stages have the same names as in the [response
headers](headers.md)."""
STAGES = """\
Stages of a batch: `decode`, `tokenize`, `forward`, `postprocess`, `encode`. Between batches: `wire` (reading and
writing TorchServe's messages) and `idle` (waiting for requests, counted when the next batch arrives). The stages of a
worker add up to its running time."""


class Meaning(NamedTuple):
    """What a name stands for."""

    unit: str
    text: str


MEANINGS: dict[str, Meaning] = {
    "bert_stage_seconds": Meaning("seconds", "time that workers spent in each stage"),
    "bert_batches": Meaning("batches", "batches that TorchServe handed to a worker"),
    "bert_requests": Meaning("requests", "requests in these batches, refused ones included"),
    "bert_texts": Meaning("texts", "texts of the requests that succeeded"),
    "bert_tokens": Meaning("tokens", "tokens of these texts, special tokens included"),
    "bert_truncations": Meaning("texts", "texts that were truncated"),
    "bert_cache_hits": Meaning(
        "sequences", "texts, or windows of texts, that did not run: an equal one had in the same batch, or was kept"
    ),
    "bert_cache_misses": Meaning("sequences", "texts, or windows of texts, that ran"),
    "bert_cache_stored_bytes": Meaning("bytes", "outputs that were kept, `handler.cache_bytes`"),
    "bert_cache_evicted_bytes": Meaning(
        "bytes", "outputs that made room for others; what was stored and not evicted is what workers hold"
    ),
    "bert_errors": Meaning("requests", "requests that failed, by [error type](errors.md)"),
    "bert_worker_restarts": Meaning("workers", "workers that died and were replaced; `bert status` counts them, too"),
    "bert_request_seconds": Meaning(
        "seconds",
        "time from a request's arrival in its worker to its answer; the task is `none` where it could not be decoded",
    ),
    "bert_batch_stage_seconds": Meaning("seconds", "time of a batch in a stage"),
    "bert_batch_requests": Meaning("requests", "requests of a batch"),
    "bert_batch_texts": Meaning("texts", "texts of a batch"),
    "bert_batch_tokens": Meaning("tokens", "tokens of a batch"),
    "PredictionTime": Meaning("milliseconds", "time of the handler for a recent batch"),
    "Requests2XX": Meaning("requests", "responses with status 2xx, of all models"),
    "Requests4XX": Meaning("requests", "responses with status 4xx, of all models"),
    "Requests5XX": Meaning("requests", "responses with status 5xx, of all models"),
    "ts_inference_requests_total": Meaning(
        "requests", "inference requests per model as they arrive, refused ones included"
    ),
    "ts_inference_latency_microseconds": Meaning("microseconds", "sum of inference latencies, queueing included"),
    "ts_queue_latency_microseconds": Meaning("microseconds", "sum of queueing times"),
    "QueueTime": Meaning("milliseconds", "queueing time of the last request"),
    "WorkerThreadTime": Meaning(
        "milliseconds", "time of TorchServe's worker thread for the last batch, without the handler's"
    ),
    "WorkerLoadTime": Meaning("milliseconds", "time a worker took to start and load its model"),
}
ALERTS = """\
Rules of `config/prometheus/alerts.yaml`; [monitoring](../monitoring.md#alerts) says how to use them."""
QUERIES: dict[str, str] = {
    "mean seconds of each stage per batch": "sum by (stage) (rate(bert_stage_seconds[5m])) "
    "/ ignoring(stage) group_left sum(rate(bert_batches[5m]))",
    "error rate": "sum(rate(bert_errors[5m])) / sum(rate(bert_requests[5m]))",
    "errors per second by type": "sum by (error_type) (rate(bert_errors[5m]))",
    "tokens per second": "sum(rate(bert_tokens[1m]))",
    "mean batch size": "sum(rate(bert_requests[5m])) / sum(rate(bert_batches[5m]))",
    "fraction of texts truncated": "sum(rate(bert_truncations[5m])) / sum(rate(bert_texts[5m]))",
    "fraction of texts that did not run": "sum(rate(bert_cache_hits[5m])) "
    "/ (sum(rate(bert_cache_hits[5m])) + sum(rate(bert_cache_misses[5m])))",
    "utilization of the workers": '1 - sum(rate(bert_stage_seconds{stage="idle"}[5m])) '
    "/ sum(rate(bert_stage_seconds[5m]))",
    "99th percentile of the time in a worker, by task": "histogram_quantile(0.99, "
    "sum by (le, task) (rate(bert_request_seconds_bucket[5m])))",
    "90th percentile of the tokens of a batch": "histogram_quantile(0.9, sum by (le) "
    "(rate(bert_batch_tokens_bucket[5m])))",
    "mean latency in milliseconds, queueing included": "sum(rate(ts_inference_latency_microseconds[5m])) "
    "/ sum(rate(bert_requests[5m])) / 1000",
    "mean queueing time in milliseconds": "sum(rate(ts_queue_latency_microseconds[5m])) "
    "/ sum(rate(bert_requests[5m])) / 1000",
}


HISTOGRAM, REST = "_bucket", ("_sum", "_count")
"""How the counters of a histogram end, which are one metric to a reader; see `handler/histograms.py`."""


class Metric(NamedTuple):
    """A declared metric."""

    name: str
    kind: str
    labels: tuple[str, ...]


def declared(section: str) -> Iterator[Metric]:
    """The metrics of a section of `metrics.yaml`; TorchServe adds the host to those of a handler."""
    found: dict[str, list[dict[str, Any]]] = yaml.safe_load((CONFIG / "metrics.yaml").read_text())[section]
    for kind, entries in found.items():
        for entry in entries:
            host = () if section == "ts_metrics" else ("Hostname",)
            labels = (*entry["dimensions"], *host)
            if entry["name"].endswith(HISTOGRAM):
                yield Metric(entry["name"].removesuffix(HISTOGRAM), "histogram", labels)
            elif not entry["name"].endswith(REST):
                yield Metric(entry["name"], kind, labels)


def metrics() -> str:
    """The page."""
    queries = "\n\n".join(f"# {what}\n{query}" for what, query in QUERIES.items())
    return page(
        "Metrics",
        INTRODUCTION,
        "## The handler's",
        lines("model_metrics"),
        STAGES,
        "## TorchServe's",
        lines("ts_metrics"),
        "## PromQL",
        block(queries, "promql"),
        "## Alerts",
        ALERTS,
        alerts(),
    )


def alerts() -> str:
    """A line per rule."""
    groups: list[dict[str, Any]] = yaml.safe_load((CONFIG / "prometheus" / "alerts.yaml").read_text())["groups"]
    rows = [
        (
            code(rule["alert"]),
            rule["labels"]["severity"],
            rule["for"],
            code(" ".join(rule["expr"].split())),
            rule["annotations"]["action"].replace("docs/errors.md", "[errors](../errors.md)"),
        )
        for group in groups
        for rule in group["rules"]
    ]
    return table(("alert", "severity", "for", "when", "what to do"), rows)


def lines(section: str) -> str:
    """A line per metric."""
    rows = []
    for metric in declared(section):
        unit, text = MEANINGS.get(metric.name, Meaning("", ""))
        rows.append((code(metric.name), metric.kind, ", ".join(map(code, metric.labels)), unit, text))
    return table(("metric", "type", "labels", "unit", "meaning"), rows)
