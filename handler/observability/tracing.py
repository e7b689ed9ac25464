"""Traces: a span for each request, and one for each stage within it, sent by OpenTelemetry's own SDK over OTLP/HTTP."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from threading import Event, Thread
from time import monotonic
from typing import Any

from handler import otel
from handler.observability import spans
from handler.observability.record import Record

log = logging.getLogger(__name__)

QUEUE = 16384
"""Spans that wait to be sent, unless `OTEL_BSP_MAX_QUEUE_SIZE` is set: those of a second come at once."""
DELAY = 1000
"""Milliseconds between two times, unless `OTEL_BSP_SCHEDULE_DELAY` is set: TorchServe ends workers with SIGKILL."""
CLOSING_SECONDS = 2.0
"""How long the end of a worker may wait for a collector."""
QUIET_SECONDS = 60.0
"""Between two lines of the SDK: of a collector that is gone it says so for each try."""


def begin() -> Tracing | None:
    """What sends traces, if the environment asks for it and it can; otherwise the log says why not."""
    if not otel.wanted(os.environ):
        return None
    reason = otel.obstacle(os.environ)
    if not reason:
        try:
            return Tracing()
        except Exception as error:  # of an SDK with settings of the operator's; the server goes on without
            reason = f"requests are not traced: {type(error).__name__}: {error}"
    log.warning("%s", reason)
    return None


class Tracing:
    """Sends spans of requests that have been answered, so that no request waits for it.

    Sampling, endpoint, headers, names and limits are the SDK's, which reads `OTEL_*` itself.
    """

    name = "traces"

    def __init__(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        soften_log()
        most = None if "OTEL_BSP_MAX_QUEUE_SIZE" in os.environ else QUEUE
        delay = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else DELAY
        self.provider: Any = TracerProvider(resource=resource(), shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), most, delay))
        self.tracer: Any = self.provider.get_tracer("bert-on-torchserve")
        self.ending, self.closer = Event(), Thread(target=self.shut_down, name="tracing", daemon=True)
        self.closer.start()

    def write(self, records: Sequence[Record]) -> None:
        """See `Output.write`."""
        for record in records:
            spans.send(self.tracer, record)

    def shut_down(self) -> None:
        """Wait for the end of the worker, and send what is left; no thread can be started then any more."""
        self.ending.wait()
        self.provider.shutdown()

    def close(self) -> None:
        """See `Output.close`; a collector that does not answer is not waited for."""
        self.ending.set()
        self.closer.join(CLOSING_SECONDS)


def resource() -> Any:
    """What sends: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, or this project's name; and the process."""
    from opentelemetry.sdk.resources import PROCESS_PID, SERVICE_NAME, Resource

    found = Resource.create({PROCESS_PID: os.getpid()})
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: "bert-on-torchserve"}))
    return found


def soften_log() -> None:
    """Have the SDK write a line now and then."""
    logger, handler = logging.getLogger("opentelemetry"), logging.StreamHandler(sys.stdout)
    handler.addFilter(Seldom())
    logger.addHandler(handler)
    logger.propagate = False
    logging.getLogger("opentelemetry.util.re").setLevel(logging.ERROR)  # it quotes OTEL_EXPORTER_OTLP_HEADERS: keys


class Seldom(logging.Filter):
    """Lets a line pass every `QUIET_SECONDS`."""

    def __init__(self) -> None:
        super().__init__()
        self.next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """See the class."""
        if monotonic() < self.next:
            return False
        self.next = monotonic() + QUIET_SECONDS
        return True
