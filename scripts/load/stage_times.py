"""Where the time of a request goes, from the counters that the workers keep.

Stages inside a worker are per text: `decode` to `encode` as in the response headers, `wire` (reading and writing
TorchServe's messages), `idle` (waiting for requests). `outside` the worker is what is left of a
request's mean latency at concurrency 1: client, sockets, Java, and what TorchServe waits to fill a batch.
"""

from __future__ import annotations

import re
from time import monotonic, sleep
from typing import Any

from handler.telemetry import STAGES
from scripts.server import local

LATE_SECONDS = 10  # counters are written once a second
SECONDS = "bert_stage_seconds"
LINE = re.compile(r"^(bert_\w+?)(?:_total)?\{(.*)\} ([-+\d.eE]+)$", re.MULTILINE)

Counters = dict[str, float]


def read(url: str) -> Counters:
    """All of this project's counters, summed over workers and models; seconds of stages under the stages' names.

    Histograms have labels of stages, too (`bert_batch_stage_seconds_bucket`), which count batches.
    """
    found: Counters = {}
    for name, labels, value in LINE.findall(local.request("GET", url, timeout=10).text):
        stage = re.search(r'stage="(\w+)"', labels)
        key = stage[1] if stage and name == SECONDS else name
        found[key] = found.get(key, 0.0) + float(value)
    return found


def await_requests(url: str, before: Counters, count: int) -> Counters:
    """The counters once they hold that many requests more.

    Raises:
        TimeoutError: they never do.
    """
    deadline = monotonic() + LATE_SECONDS
    while (now := read(url)).get("bert_requests", 0) - before.get("bert_requests", 0) < count:
        if monotonic() > deadline:
            raise TimeoutError(f"{url} does not count the {count} requests that were answered")
        sleep(0.1)
    return now


def per_text(before: Counters, after: Counters, mean_ms: float, alone: bool) -> dict[str, Any]:
    """Milliseconds per text by stage, and the mean number of requests in a batch."""
    change = {key: after[key] - before.get(key, 0.0) for key in after}
    texts = change["bert_texts"]
    stages = {name: round(change.get(name, 0.0) / texts * 1000, 3) for name in (*STAGES, "wire", "idle")}
    outside = {"outside": round(mean_ms - sum(stages[name] for name in STAGES), 3)} if alone else {}
    return {"batch": round(change["bert_requests"] / change["bert_batches"], 1), **stages, **outside}
