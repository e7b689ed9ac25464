"""Requests of much work or with a large answer have a queue of their own, of which few are inside a server at once.

TorchServe takes what came first and answers a batch as a whole. Among sixteen requests of a second each, a small one
would wait for them all. Here it waits for one at most, and another worker is free of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from scripts.gateway.rules import refusal
from scripts.gateway.settings import Settings

BODY = 8 << 10
"""Bytes above which a body is large: some 1,500 words, which the default model computes for a seventh of a second."""
LARGE = ("hidden-states", "embed_all", "feature-extraction")
"""In an address or a body, a task with an answer of kilobytes per token."""
WAITING = 64
"""Per server; more are refused."""
HEADER = "x-large"
"""Within the gateway: the request is large, and so many may wait."""


def told(settings: Settings) -> Iterator[str]:
    """Rules of the door, where the body is there, or known to be large."""
    yield f"acl much req.body_len gt {BODY}"
    yield f"acl much req.body_size gt {BODY}"
    yield "acl much req.hdr(content-encoding) -m found"
    yield f"acl much path_sub {' '.join(LARGE)}"
    yield f"acl much req.body -m sub {' '.join(LARGE)}"
    for model in settings.models:
        if model.task in LARGE:
            yield f"acl much path_reg ^/predictions/{model.name}(/[^/]+)?$"
    most = WAITING * sum(server.addresses for server in settings.servers)
    yield f"http-request del-header {HEADER}"
    yield "http-request set-var(txn.large) bool(true) if much"
    yield "acl large var(txn.large) -m bool"
    yield f"http-request set-header {HEADER} {most} if large"
    yield f"http-request set-var(txn.queue) be_conn(large),sub({most}) if large"
    yield from many("if large !beyond")


def counted() -> Iterator[str]:
    """Rules of the process that holds large bodies, each of which is there by now; it counts by itself."""
    yield f"http-request set-var(txn.most) req.hdr({HEADER})"
    yield "http-request set-var(txn.queue) be_conn(models),sub(txn.most)"
    yield from many("if")


def many(condition: str) -> Iterator[str]:
    """Refuse where as many wait as may."""
    words = "too many large requests are waiting; try again later"
    yield refusal(429, "overloaded", words, f"{condition} {{ var(txn.queue) -m int ge 0 }}", retry=True)


def heard() -> Iterator[str]:
    """Rules of `within`."""
    yield f"http-request set-var(txn.large) bool(true) if {{ req.hdr({HEADER}) -m found }}"
    yield f"http-request del-header {HEADER}"
