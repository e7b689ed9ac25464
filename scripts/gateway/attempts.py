"""What is sent again, when, and how often.

`models` sends again whatever `within` answers with 503, and each attempt is a request of its own to `within`, where
a table counts them. When a worker died over a request, the next attempt is at once, but there are `DEATHS` at most: it
may be the request that ends them. When no server is up, none answered, or Java has no worker for the model, the next
attempt reaches no server: it is held for `PAUSE` milliseconds and sent again. HAProxy's timer for that is its tarpit.
"""

from __future__ import annotations

from collections.abc import Iterator

from scripts.gateway.rules import refusal
from scripts.gateway.settings import Settings

SOCKET = "within.sock"
"""Where `within` listens, in the folder of the gateway."""
NAME, BEGIN = "x-attempt-of", "x-attempt-since"
"""Headers within the gateway: a name of its own, because `x-request-id` may be that of many, and a time."""
DEATHS = 4
"""More answers of a server that a worker died, or that it takes no more."""
UNANSWERED = 10
"""More attempts without any answer: Java died over it, or is not there and HAProxy does not know yet. That takes it a
second at most, which is five pauses; the other five are for a request that ends Java."""
WAIT = "workerless"
"""What `txn.came` is after an answer that says that nobody is there to answer."""
REFUSED = "x-refused"
"""Says within the gateway what a client gets: a 504, or a 429, as some protocols say that a server is being stopped."""
PAUSE = 200
"""Milliseconds."""
COUNTED = 50_000
"""Requests of which the attempts are known; the oldest is forgotten."""
ATTEMPTS, WORKERLESS, DIED = range(3)
"""Counters: of attempts that went to a server, and how many of them were answered so."""


def most(settings: Settings) -> int:
    """Beyond what the rules of `counted` and `judged` allow; without a worker, each pause is followed by an attempt."""
    return DEATHS + UNANSWERED + 4 * 1000 * settings.outage // PAUSE


def named() -> list[str]:
    """Rules of the door."""
    return [f"http-request set-header {NAME} %[uuid]", f"http-request set-header {BEGIN} %[date(0,ms)]"]


def counted(settings: Settings) -> Iterator[str]:
    """Rules of `within` for requests; a 504 is not sent again."""
    yield f"http-request track-sc1 req.hdr({NAME}) table attempts"
    yield f"http-request set-var(txn.since) req.hdr({BEGIN})"
    yield from (f"http-request del-header {name}" for name in (NAME, BEGIN))
    yield "http-request set-var(txn.passed) date(0,ms),sub(txn.since)"
    yield f"acl over var(txn.passed) -m int gt {1000 * settings.outage}"
    yield from (f"http-request set-var(txn.c{each}) sc_get_gpc({each},1)" for each in (ATTEMPTS, WORKERLESS, DIED))
    yield f"http-request set-var(txn.unanswered) var(txn.c{ATTEMPTS}),sub(txn.c{WORKERLESS}),sub(txn.c{DIED})"
    yield "http-request set-var(txn.pause) bool(true) if { sc1_get_gpt0 gt 0 } || !ready"
    yield "acl pause var(txn.pause) -m bool"
    words = f"no server and no worker came up within {settings.outage} s"
    yield refusal(504, "unavailable", words, "if over pause", retry=True)
    words = f"no server answered {UNANSWERED + 1} times"
    many = f"if {{ var(txn.unanswered) -m int gt {UNANSWERED} }}"
    yield refusal(504, "unavailable", words, many, retry=True)
    yield "http-request sc-set-gpt0(1) int(0) if pause"
    yield "http-request sc-set-gpt0(1) int(1) if !pause"
    yield f"http-request sc-inc-gpc({ATTEMPTS},1) if !pause"
    yield "http-request set-var(proc.trouble) date(0,ms) if pause"
    yield f"timeout tarpit {PAUSE}ms"
    yield "http-request tarpit deny_status 503 if pause"


def judged() -> Iterator[str]:
    """Rules of `within` for answers. TorchServe's own have no `x-encode-time`, which every answer of a handler has."""
    yield "acl handled res.hdr(x-encode-time) -m found"
    yield "acl stopping res.hdr(x-stopping) -m found"
    yield "http-response set-var(txn.came) str(died) if { status 500 507 } !handled"
    yield "http-response set-var(txn.came) str(died) if { status 429 503 } stopping"
    yield f"http-response set-header {REFUSED} 504 if {{ status 504 }} handled"
    # time or memory did not suffice: four more attempts would take both from others
    yield "http-response set-status 504 if { status 503 } handled !stopping"
    yield f"http-response set-var(txn.came) str({WAIT}) if {{ status 503 }} !handled"
    yield f"http-response set-header {REFUSED} 429 if {{ status 429 }} stopping"
    for what, counter in (("died", DIED), (WAIT, WORKERLESS)):
        yield f"acl {what} var(txn.came) -m str {what}"
        yield f"http-response sc-inc-gpc({counter},1) if {what}"
        yield f"http-response set-var(proc.trouble) date(0,ms) if {what} !handled"
        yield f"http-response set-status 503 if {what}"
    yield "http-response sc-set-gpt0(1) int(0) if died"
    yield f"http-response set-status 504 if died {{ sc_get_gpc({DIED},1) gt {DEATHS} }}"
    yield f"http-response set-status 504 if {WAIT} over"


def told() -> list[str]:
    """Rules of `models` for the answer that is the last."""
    return [
        "http-response set-status 503 if { status 504 }",
        *(f"http-response set-status {code} if {{ res.hdr({REFUSED}) -m str {code} }}" for code in (429, 504)),
        f"http-response del-header {REFUSED}",
    ]


def table() -> list[str]:
    """`attempts`."""
    return [f"stick-table type string len 36 size {COUNTED} expire 2m store gpc(3),gpt0"]
