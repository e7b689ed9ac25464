"""A request as OpenTelemetry's spans: its own, and one for each stage of its batch.

Names and attributes are those of https://github.com/open-telemetry/semantic-conventions, docs/http/http-spans.md, "HTTP
server span"; what has no name there begins with `bert.`.
"""

from __future__ import annotations

from typing import Any

from handler.observability.record import Record

UNKNOWN_METHOD = "_OTHER"
"""Of HTTP, by the conventions: TorchServe does not hand it on. The name of the span then begins with `HTTP`."""
MILLISECOND = 1_000_000
"""In nanoseconds."""


def send(tracer: Any, record: Record) -> None:
    """Begin and end the spans of a request, at the times they had; nothing more of one that is not sampled."""
    from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": record.traceparent} if record.traceparent else {}
    begin = round(record.time.timestamp() * 1e6) * 1000
    span = tracer.start_span(
        name(record),
        TraceContextTextMapPropagator().extract(carrier),
        SpanKind.SERVER,
        attributes(record),
        start_time=begin,
    )
    if not span.is_recording():
        return
    inside, at = set_span_in_context(span), begin
    for stage, milliseconds in record.stages_ms.items():
        child = tracer.start_span(stage, inside, start_time=at)
        at += round(milliseconds * MILLISECOND)
        child.end(at)
    if record.status >= 500:
        span.set_status(Status(StatusCode.ERROR))
    span.end(begin + round(record.total_ms * MILLISECOND))


def name(record: Record) -> str:
    """Of a request's span."""
    return f"HTTP {template(record)}" if record.transport == "http" else record.transport


def template(record: Record) -> str:
    """The address that a route has for every model."""
    return f"/predictions/{{model}}/{{version}}/{record.route}".rstrip("/")


def attributes(record: Record) -> dict[str, Any]:
    """Of a request's span; none is there without a value."""
    own = {
        "bert.model": record.model,
        "bert.model_version": record.version,
        "bert.task": record.task,
        "bert.error_type": record.error_type,
        "bert.texts": record.texts,
        "bert.tokens": record.tokens,
        "bert.truncated": record.truncated,
        "bert.batch_requests": record.batch,
        "bert.queue_ms": record.queue_ms,
    }
    found = own | (http(record) if record.transport == "http" else {"rpc.system.name": record.transport})
    return {key: value for key, value in found.items() if value is not None}


def http(record: Record) -> dict[str, Any]:
    """What the conventions have for HTTP."""
    route = template(record)
    return {
        "http.request.method": UNKNOWN_METHOD,
        "http.route": route,
        "url.path": route.format(model=record.model, version=record.version),
        "url.scheme": "http",
        "http.response.status_code": record.status,
        "error.type": record.error_type if record.status >= 500 else None,
        "http.request.header.x-correlation-id": [record.correlation_id] if record.correlation_id else None,
        "http.response.header.x-request-id": [record.request_id] if record.request_id else None,
    }
