"""Pages of another origin: browsers let them read what the gateway itself says, too, such as that it is busy."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.gateway.rules import quoted
from scripts.gateway.settings import Settings
from scripts.server.cors import HEADERS, METHODS

SECONDS = 600
"""For which a browser asks no preflight again."""


def allowed(settings: Settings) -> Iterator[str]:
    """Rules of the door, for every answer, whoever gives it; a preflight needs no server."""
    if settings.cors_origin is None:
        return
    headers = {
        "access-control-allow-origin": (quoted(settings.cors_origin), ""),
        "access-control-expose-headers": (quoted("*"), ""),
        "access-control-allow-methods": (quoted(METHODS), " if asks"),
        "access-control-allow-headers": (quoted(HEADERS), " if asks"),
        "access-control-max-age": (str(SECONDS), " if asks"),
    }
    yield "acl asks var(txn.preflight) -m bool"
    for name, (value, condition) in headers.items():
        yield f"http-after-response set-header {name} {value}{condition}"
    yield "acl asked req.hdr(access-control-request-method) -m found"
    yield "http-request set-var(txn.preflight) bool(true) if { method OPTIONS } asked"
    yield "http-request return status 204 if { method OPTIONS } asked"
