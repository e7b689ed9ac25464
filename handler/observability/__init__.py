"""What can be seen of single requests, and never a text: slow and failed ones, a log with a line for each, traces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from handler.model import LoadedModel
from handler.observability import tracing
from handler.observability.notable import Notable
from handler.observability.recorder import Output, Recorder
from handler.observability.request_log import RequestLog


def begin(model: LoadedModel, locks: str | None) -> Recorder:
    """The recorder of a worker, with the outputs that were asked for.

    Args:
        model: which it serves.
        locks: the folder of lock files, beside which notable requests are kept; None where the server has none.
    """
    return Recorder(model.name, model.version, tuple(outputs(model, locks)))


def outputs(model: LoadedModel, locks: str | None) -> Iterator[Output]:
    """Where records go."""
    if locks:
        yield Notable(Path(locks), model.name)
    log = os.environ.get("BERT_REQUEST_LOG")
    if log:
        yield RequestLog(Path(log))
    traces = tracing.begin()
    if traces:
        yield traces
