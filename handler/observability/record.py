"""`Record`: what is kept of a request once it is answered."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from handler import protocols
from handler.call import Call
from handler.observability import headers


class Record(msgspec.Struct, frozen=True):
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


class Batch(msgspec.Struct, frozen=True):
    """What the requests of a batch have in common; see `Record`."""

    model: str
    version: str
    worker: int
    size: int
    begin: float
    seconds: float
    stages: dict[str, float]

    def record(self, call: Call) -> Record:
        """What is kept of one of them."""
        given, error = call.row.headers, call.error
        waited = headers.queue_seconds(given, self.begin)
        return Record(
            datetime.fromtimestamp(self.begin, UTC),
            call.row.identity,
            headers.correlation_id(given),
            headers.traceparent(given),
            "http" if "content-length" in given else "grpc",  # TorchServe adds it where a client of HTTP sent none
            self.model,
            self.version,
            self.worker,
            protocols.route(call.row.path),
            call.task.name if call.task else None,
            200 if error is None else call.protocol.status(error),
            None if error is None else error.error_type,
            len(call.texts),
            call.tokens,
            call.truncated,
            self.size,
            None if waited is None else milliseconds(waited),
            {name: milliseconds(seconds) for name, seconds in self.stages.items()},
            milliseconds(self.seconds),
        )


def milliseconds(seconds: float) -> float:
    """Of seconds, to the microsecond."""
    return round(seconds * 1000, 3)
