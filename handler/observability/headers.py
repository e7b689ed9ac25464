"""What headers of a request say of its way: its ids, when a gateway received it, and how long it is waited for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf

CORRELATION_ID = re.compile(r"[!-~]{1,128}")
"""Printable ASCII without spaces. Anything else is dropped whole: a part of an id is the id of something else."""
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header, version 00."""
START = re.compile(r"(?:t=)?(\d{10,16}(?:\.\d{1,6})?)")
UNITS = (1, 1_000, 1_000_000)
"""Of seconds, in the order in which they are tried: nginx and HAProxy write seconds, Heroku milliseconds, Apache
microseconds."""
TIMEOUT = re.compile(r"[1-9]\d{0,5}")
AHEAD, LONGEST = 1.0, 3600.0
"""Seconds by which a gateway's clock may be ahead of ours, and that a request may have waited."""


def correlation_id(headers: Mapping[str, str]) -> str | None:
    """The client's own id of a request, which its answer repeats; None where it has none, or one that is not plain.

    TorchServe overwrites `x-request-id` in each answer (`NettyUtils.sendHttpResponse`), so it is repeated as
    `x-correlation-id`; a client's own header of that name comes first.
    """
    given = headers.get("x-correlation-id") or headers.get("x-request-id", "")
    return given if CORRELATION_ID.fullmatch(given) else None


def traceparent(headers: Mapping[str, str]) -> str | None:
    """The span that a request is a part of; None where it has none, or one of another form."""
    given = headers.get("traceparent", "")
    return given if TRACEPARENT.fullmatch(given) else None


def queue_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """How long ago a gateway received a request, by its `x-request-start`; None where it says nothing plausible.

    Args:
        headers: of the request.
        now: Unix seconds.
    """
    match = START.fullmatch(headers.get("x-request-start", ""))
    if match is None:
        return None
    waited = (now - float(match[1]) / unit for unit in UNITS)
    return next((max(0.0, seconds) for seconds in waited if -AHEAD < seconds < LONGEST), None)


def timeout_seconds(headers: Mapping[str, str]) -> float:
    """How long the client still waits, by its `x-request-timeout-ms`; infinity where it says nothing plausible.

    A length of time and no point in it, since the clocks of two machines differ; a gateway takes off what has passed.
    """
    given = headers.get("x-request-timeout-ms", "")
    return int(given) / 1000 if TIMEOUT.fullmatch(given) else inf
