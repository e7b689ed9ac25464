"""Which version of a model a request goes to, where its address names none: chosen anew at each attempt.

The door writes `ANY` where a version belongs. What is put in its place comes from the map of `versions.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from scripts.gateway import attempts
from scripts.gateway.settings import VERSION_MAP, Settings

ANY = "*"
"""No version has this name; see `scripts.packing.pack.NAME`."""
MISSING = 1000
"""Milliseconds since TorchServe did not know a version in which no canary is asked: Java may be starting again."""


def chosen(settings: Settings) -> Iterator[str]:
    """Rules for requests. `/predictions/MODEL` stays unless the canary gets it: a server has its own default."""
    yield r"acl open path_reg ^/(predictions|explanations)/[^/]+/\*(/.*)?$"
    yield "acl bare path_reg ^/(predictions|explanations)/[^/]+$"
    yield "http-request set-var(txn.kind) path,field(2,/)"
    yield "http-request set-var(txn.model) path,field(3,/)"
    yield "http-request set-var(txn.rest) path,field(5,/,0)"
    routing = f"var(txn.model),map_str({VERSION_MAP})"
    yield f"http-request set-var(txn.routing) {routing} if open or bare"
    yield "http-request set-var(txn.percent) var(txn.routing),field(3,/)"
    yield "http-request set-var(txn.draw) rand(100),sub(txn.percent)"
    yield "http-request set-var(txn.known) date(0,ms),sub(proc.missing)"
    yield "http-request set-var(txn.version) var(txn.routing),field(1,/) if open"
    drawn = f"{{ var(txn.draw) -m int lt 0 }} {{ var(txn.known) -m int gt {MISSING} }}"
    yield f"http-request set-var(txn.version) var(txn.routing),field(2,/) if {drawn}"
    path = "/%[var(txn.kind)]/%[var(txn.model)]/%[var(txn.version)]"
    named = "{ var(txn.version) -m found }"
    yield f'http-request set-path "{path}/%[var(txn.rest)]" if {named} {{ var(txn.rest) -m len gt 0 }}'
    yield f'http-request set-path "{path}" if {named} !{{ var(txn.rest) -m len gt 0 }}'


def missing() -> Iterator[str]:
    """Rules for answers: a 404 of Java itself to a chosen version is asked again."""
    unknown = "{ status 404 } { var(txn.version) -m found } !{ res.hdr(x-encode-time) -m found }"
    yield f"http-response set-var(proc.missing) date(0,ms) if {unknown}"
    yield f"http-response set-var(txn.came) str({attempts.WAIT}) if {unknown}"


def current(model: str, settings: Settings) -> str:
    """An expression: the version of a model that answers by default."""
    return f"str({model}),map_str({VERSION_MAP}),field(1,/)"
