"""How long a client waits: what it says in `x-request-timeout-ms` holds from the door on, whatever comes between.

When it has passed, `models` lets go of the request, which is dropped from the queue; a server is told how much is left
before each attempt, as a length of time, so that its clock need not be that of the gateway.
"""

from __future__ import annotations

from collections.abc import Iterator

from scripts.gateway.rules import answer, envelope

HEADER = "x-request-timeout-ms"
PLAUSIBLE = f"req.hdr({HEADER}) -m reg ^[1-9][0-9]{{0,5}}$"
"""As `handler.observability.headers.timeout_seconds` has it."""


def given() -> str:
    """Rule of `models`: all attempts together may take that long."""
    return f"http-request set-timeout server req.hdr({HEADER}) if {{ {PLAUSIBLE} }}"


def left(told: str) -> Iterator[str]:
    """Rules of `within`: what is left, and a refusal where nothing is.

    Args:
        told: a header for `models`, which else takes a 504 for something to be sent again.
    """
    yield f"acl waits {PLAUSIBLE}"
    yield "http-request set-var(txn.since) req.hdr(x-request-start),word(2,=) if waits"
    yield "http-request set-var(txn.now) date(0,ms)"
    yield f"http-request set-var(txn.left) req.hdr({HEADER}),add(txn.since),sub(txn.now) if waits"
    words = envelope("timed_out", f"the time given in {HEADER} has passed")
    yield answer(words, "if waits { var(txn.left) -m int le 0 }", 504, f" hdr {told} 504")
    yield f"http-request set-header {HEADER} %[var(txn.left)] if waits"
