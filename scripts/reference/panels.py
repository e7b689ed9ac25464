"""What the Grafana dashboard shows: its panels with their queries, row by row."""

from __future__ import annotations

from typing import Literal, NamedTuple

OWN = 'ModelName=~"$model", instance=~"$instance"'
JAVA = 'model_name=~"$model", instance=~"$instance"'
HOST = 'instance=~"$instance"'
"""What is chosen at the top of the dashboard, in the labels of the handler, of TorchServe and of its host metrics."""
BUSY = 'stage!="idle"'


class Panel(NamedTuple):
    """One picture.

    Attributes:
        title: also its name in alerts and documents.
        unit: Grafana's id of a unit.
        queries: PromQL by the name of its series, in which `{{label}}` stands for a label's value.
        meaning: shown beside the title.
        kind: a picture over time, or the last value as a number.
        width: in columns, of which there are 24.
        stacked: whether series add up.
        top: the largest value there can be.
    """

    title: str
    unit: str
    queries: dict[str, str]
    meaning: str
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 12
    stacked: bool = False
    top: float | None = None


def rate(name: str, chosen: str = OWN, *more: str) -> str:
    """Per second, of each series."""
    return f"rate({name}{{{', '.join((chosen, *more))}}}[$__rate_interval])"


def total(name: str, chosen: str = OWN, *more: str, by: str = "") -> str:
    """Per second, of all series, or of those with the same labels `by`."""
    return f"sum{f' by ({by}) ' if by else ''}({rate(name, chosen, *more)})"


def quantile(share: float, name: str, by: str = "") -> str:
    """Of a histogram."""
    return f"histogram_quantile({share}, {total(f'{name}_bucket', by=', '.join(filter(None, (by, 'le'))))})"


def spread(name: str) -> dict[str, str]:
    """Of a histogram of counts, which are whole where Prometheus would interpolate."""
    mean = f"{total(f'{name}_sum')} / {total(f'{name}_count')}"
    return {"p50": f"ceil({quantile(0.5, name)})", "p90": f"ceil({quantile(0.9, name)})", "mean": mean}


def busy(by: str = "") -> str:
    """The share of their time in which workers do not wait for requests."""
    both = (total("bert_stage_seconds", OWN, BUSY, by=by), total("bert_stage_seconds", by=by))
    return " / ".join(both)


QUEUED = f'label_replace({rate("ts_queue_latency_microseconds", JAVA)}, "ModelName", "$1", "model_name", "(.*)")'


def queueing(by: str = "") -> str:
    """Mean seconds in TorchServe's queue, of requests that workers took: what is turned away waits for nothing."""
    return f"sum{f' by ({by}) ' if by else ''}({QUEUED}) / 1e6 / {total('bert_requests', by=by)}"


TURNED_AWAY = f"clamp_min({total('ts_inference_requests_total', JAVA)} - {total('bert_requests')}, 0)"
ERRORS = f"({total('bert_errors')} or vector(0)) / {total('bert_requests')}"

ROWS: dict[str, tuple[Panel, ...]] = {
    "": (
        Panel("Requests", "reqps", {"": total("bert_requests")}, "Answered by workers", "stat", 4),
        Panel("Errors", "percentunit", {"": ERRORS}, "Share of requests, whoever is at fault", "stat", 4),
        Panel("p99", "s", {"": quantile(0.99, "bert_request_seconds")}, "Time in a worker", "stat", 4),
        Panel("Queueing", "s", {"": queueing()}, "Mean time before a worker takes a request", "stat", 4),
        Panel("Utilization", "percentunit", {"": busy()}, "Share of time in which workers work", "stat", 4, top=1),
        Panel("Tokens per second", "cps", {"": total("bert_tokens")}, "Of answered texts", "stat", 4),
    ),
    "Traffic": (
        Panel(
            "Requests by status",
            "reqps",
            {"{{status}}": total("bert_request_seconds_count", by="status")},
            "Requests that workers have answered or refused",
            width=8,
            stacked=True,
        ),
        Panel(
            "Requests by task",
            "reqps",
            {"{{task}}": total("bert_request_seconds_count", by="task")},
            "`none`: requests that could not be decoded",
            width=8,
            stacked=True,
        ),
        Panel(
            "Queueing time",
            "s",
            {"{{ModelName}}": queueing("ModelName")},
            "Mean time between a request's arrival at the server and a worker that takes it",
            width=8,
        ),
        *(
            Panel(
                f"Latency by task, p{100 * share:.0f}",
                "s",
                {"{{task}}": quantile(share, "bert_request_seconds", "task")},
                "From a request's arrival in its worker to its answer; queueing comes on top",
                width=8,
            )
            for share in (0.5, 0.9, 0.99)
        ),
    ),
    "Workers": (
        Panel(
            "Time by stage",
            "none",
            {"{{stage}}": total("bert_stage_seconds", OWN, BUSY, by="stage")},
            "Seconds of work per second: 2 are two workers that are always busy",
            stacked=True,
        ),
        Panel(
            "Time of a batch by stage, p99",
            "s",
            {"{{stage}}": quantile(0.99, "bert_batch_stage_seconds", "stage")},
            "Of 100 batches 99 took no longer: what makes a batch slow",
        ),
        Panel(
            "Utilization of workers",
            "percentunit",
            {"{{ModelName}}": busy("ModelName")},
            "Share of time in which workers do not wait for requests",
            width=6,
            top=1,
        ),
        Panel("Texts", "cps", {"{{ModelName}}": total("bert_texts", by="ModelName")}, "Per second, answered", width=6),
        Panel(
            "Tokens", "cps", {"{{ModelName}}": total("bert_tokens", by="ModelName")}, "Per second, answered", width=6
        ),
        Panel(
            "Restarts",
            "short",
            {
                "workers of {{ModelName}}": f"sum by (ModelName) (increase(bert_worker_restarts{{{OWN}}}[5m]))",
                "servers": f"sum by (instance) (resets(ts_inference_requests_total{{{JAVA}}}[5m]))",
            },
            "Processes that died and were replaced, within five minutes",
            width=6,
        ),
    ),
    "Batches": (
        Panel("Requests per batch", "short", spread("bert_batch_requests"), "At most batchSize", width=8),
        Panel("Texts per batch", "short", spread("bert_batch_texts"), "Of all requests of a batch", width=8),
        Panel("Tokens per batch", "short", spread("bert_batch_tokens"), "Special tokens included", width=8),
    ),
    "Faults": (
        Panel(
            "Errors by type",
            "reqps",
            {"{{error_type}}": total("bert_errors", by="error_type")},
            "Refused or failed in a worker; what each type means is in docs/reference/errors.md",
            width=8,
        ),
        Panel(
            "Turned away",
            "reqps",
            {"never reached a worker": TURNED_AWAY},
            "Refused by TorchServe: its queue is full, or no worker is there",
            width=8,
        ),
        Panel(
            "Truncated texts",
            "percentunit",
            {"{{ModelName}}": f"{total('bert_truncations', by='ModelName')} / {total('bert_texts', by='ModelName')}"},
            "Share of texts that were longer than the model takes",
            width=8,
        ),
    ),
    "Gateway": (
        Panel(
            "Responses of the gateway",
            "reqps",
            {
                "{{code}}": "sum by (code) (rate(haproxy_frontend_http_responses_total"
                '{proxy="door"}[$__rate_interval])) > 0'
            },
            "With what the gateway itself refuses",
            width=8,
            stacked=True,
        ),
        Panel(
            "Waiting at the gateway",
            "short",
            {"{{instance}}": 'haproxy_backend_current_queue{proxy="servers"}'},
            "Requests that no server has room for yet",
            width=8,
        ),
        Panel(
            "Servers that are up",
            "short",
            {"{{instance}}": 'haproxy_backend_active_servers{proxy="servers"}'},
            "As the gateway sees them",
            width=8,
        ),
    ),
}
