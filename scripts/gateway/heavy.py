"""Requests with much work or a large answer have a queue of their own, of which few are inside a server at once.

TorchServe takes what came first and answers a batch as a whole. Among sixteen requests of a second each, a small one
would wait for them all. Here it waits for one at most, and another worker is free of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from scripts.gateway.rules import refusal
from scripts.gateway.settings import Settings

BODY = 8 << 10
"""Bytes above which a body is heavy: some 1,500 words, which the default model computes for a seventh of a second."""
LARGE = ("hidden-states", "embed_all", "feature-extraction")
"""In an address or a body, a task with an answer of kilobytes per token."""
WAITING = 64
"""Per server; more are refused."""
HEADER = "x-heavy"


def told(settings: Settings) -> Iterator[str]:
    """Rules of the door, where the body is there."""
    yield f"acl heavy req.body_len gt {BODY}"
    yield f"acl heavy path_sub {' '.join(LARGE)}"
    yield f"acl heavy req.body -m sub {' '.join(LARGE)}"
    yield f"http-request del-header {HEADER}"
    yield "http-request set-var(txn.heavy) bool(true) if heavy"
    yield "acl large var(txn.heavy) -m bool"
    yield f"http-request set-header {HEADER} 1 if large"
    yield refusal(
        429,
        "overloaded",
        "too many large requests are waiting; try again later",
        f"if large {{ be_conn(heavy) ge {WAITING * len(settings.servers)} }}",
        retry=True,
    )


def heard() -> Iterator[str]:
    """Rules of `within`."""
    yield f"acl large req.hdr({HEADER}) -m found"
    yield "http-request set-var(txn.heavy) bool(true) if large"
    yield f"http-request del-header {HEADER}"
    yield "use_backend heavy if { var(txn.heavy) -m bool }"


def servers(settings: Settings) -> Iterator[str]:
    """`heavy`: the same servers, which are up when `servers` has them so."""
    yield "balance leastconn"
    yield "retries 3"
    yield "retry-on conn-failure"
    for number, server in enumerate(settings.servers, 1):
        yield f"server s{number} {server.address} maxconn {server.heavy} track servers/s{number}"
