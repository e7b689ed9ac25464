"""`Record`: what is kept of a request once it is answered, and `Taken`, what it is made of, away from the request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from handler import protocols
from handler.call import Call
from handler.observability import headers


class Record(msgspec.Struct, frozen=True, gc=False):
    """One answered request, without anything that its client wrote but ids of a checked form.

    Attributes:
        time: when its batch began in the worker.
        request_id: TorchServe's own id, which the answer has as `x-request-id`.
        correlation_id: the client's own id, which the answer has as `x-correlation-id`.
        traceparent: the span it is a part of, as its header has it.
        transport: `http` or `grpc`.
        worker: process id.
        route: what follows model and version in the address; `*` for what is not known.
        task: None where the request failed before it had one.
        error_type: None where it succeeded.
        batch: requests in its batch.
        queue_ms: from its arrival at a gateway to `time`; None where no gateway said.
        stages_ms: of its batch, by stage.
        total_ms: from `time` to the answer.
    """

    time: datetime
    request_id: str
    correlation_id: str | None
    traceparent: str | None
    transport: str
    model: str
    version: str
    worker: int
    route: str
    task: str | None
    status: int
    error_type: str | None
    texts: int
    tokens: int
    truncated: int
    batch: int
    queue_ms: float | None
    stages_ms: dict[str, float]
    total_ms: float

    @property
    def latency_ms(self) -> float:
        """As its client saw it, as far as that is known."""
        return self.total_ms + (self.queue_ms or 0.0)


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What the requests of a batch have in common.

    Attributes:
        size: requests.
        begin: in Unix seconds.
        seconds: it took.
        stages: seconds by stage.
    """

    size: int
    begin: float
    seconds: float
    stages: Mapping[str, float]


class Taken(msgspec.Struct, frozen=True, gc=False):
    """What is taken from a call before its answer is sent: as little as possible, and neither body nor texts."""

    batch: Batch
    headers: Mapping[str, str]
    identity: str
    path: str
    task: str | None
    status: int
    error_type: str | None
    texts: int
    tokens: int
    truncated: int


def take(call: Call, batch: Batch) -> Taken:
    """From a call."""
    row, error = call.row, call.error
    return Taken(
        batch,
        row.headers,
        row.identity,
        row.path,
        call.task.name if call.task else None,
        200 if error is None else call.protocol.status(error),
        None if error is None else error.error_type,
        len(call.texts),
        call.tokens,
        call.truncated,
    )


def record(taken: Taken, model: str, version: str, worker: int) -> Record:
    """What is kept of it."""
    batch, given = taken.batch, taken.headers
    waited = headers.queue_seconds(given, batch.begin)
    return Record(
        datetime.fromtimestamp(batch.begin, UTC),
        taken.identity,
        headers.correlation_id(given),
        headers.traceparent(given),
        "http" if "content-length" in given else "grpc",  # TorchServe adds it where a client of HTTP sent none
        model,
        version,
        worker,
        protocols.route(taken.path),
        taken.task,
        taken.status,
        taken.error_type,
        taken.texts,
        taken.tokens,
        taken.truncated,
        batch.size,
        None if waited is None else milliseconds(waited),
        {name: milliseconds(spent) for name, spent in batch.stages.items()},
        milliseconds(batch.seconds),
    )


def milliseconds(seconds: float) -> float:
    """Of seconds, to the microsecond."""
    return round(seconds * 1000, 3)
