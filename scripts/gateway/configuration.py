"""HAProxy's configuration, section by section, for Debian's 2.6 and every later version.

A request goes through two proxies in one process. `door` says who may ask what, and how many may wait; `models` sends
a request again as `attempts.py` says. Behind a Unix socket `servers` has the queue: each attempt is a request of its
own there, so that rules may look at it. A large body comes to that socket through another process, see `bodies.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from scripts.gateway import attempts, bodies, choice, cors, large, log, maps, routes, servers, timeouts
from scripts.gateway.rules import answer, envelope, failure, quoted, refusal
from scripts.gateway.servers import SLOW_START
from scripts.gateway.settings import CLIENTS, DOOR, KEY_MAP, Settings

BUSY = 2000
"""Milliseconds since a request was late or refused in which the limit follows the rate of answers."""
LATE = 50
"""Milliseconds more than `Settings.max_wait` after which an answer was late."""
STALL = 2000
"""Milliseconds after which an answer says that workers were gone for a while, and not that there is too much to do."""
FEWEST = 8
BULK = 2000
"""Milliseconds by which others overtake requests that say `x-priority: bulk`."""
WINDOW = 10
"""Seconds over which a rate is measured."""


def render(settings: Settings, held: int = bodies.HELD) -> str:
    """The file of the HAProxy that clients know.

    Args:
        settings: of the gateway.
        held: bytes of a body that it holds by itself; those above need a second process, see `render_bodies`.
    """
    parts = {
        "global": [*process(held, maps.ADMIN), *known()],
        "defaults": defaults(settings),
        "frontend door": door(settings, held),
        "backend models": models(settings),
        "backend large": models(settings),
        "backend bodies": [timeouts.given(), *bodies.sent()],
        "frontend within": within(settings),
        **dict(servers.sections(settings)),
        "backend attempts": attempts.table(),
        "backend answered": ["stick-table type string len 8 size 8 store gpc0,gpc0_rate(1s)"],
        "backend addresses": ["stick-table type ipv6 size 100k expire 10s store conn_cur,gpc0,gpc0_rate(1s)"],
        "backend callers": [f"stick-table type string len 64 size 100k expire 1m store gpc0,gpc0_rate({WINDOW}s)"],
        "frontend metrics": [
            f"bind {settings.metrics_host}:{settings.metrics_port}",
            "no log",
            "http-request use-service prometheus-exporter if { path /metrics }",
            "http-request return status 404",
        ],
    }
    return document(parts)


def render_bodies(settings: Settings) -> str:
    """The file of the HAProxy that holds large bodies. What it refuses is in the other one's log."""
    return document(
        {
            "global": process(settings.max_body, bodies.ADMIN),
            "defaults": defaults(settings),
            "frontend bodies": [
                f'bind "${{{DOOR}-unix@{bodies.SOCKET}}}"',
                "no log",
                bodies.WAIT,
                *bodies.refused(settings),
                *large.counted(),
                *bodies.lost(settings),
                "default_backend models",
            ],
            "backend models": models(settings),
        }
    )


def document(parts: Mapping[str, Iterable[str]]) -> str:
    """A file of those parts."""
    return "\n".join(section(name, lines) for name, lines in parts.items())


def section(name: str, lines: Iterable[str]) -> str:
    """One of the file's parts."""
    return "\n".join([name, *(f"    {line}" for line in lines), ""])


def process(held: int, admin: str) -> list[str]:
    """Of one that holds bodies of that many bytes, and takes commands at that socket."""
    return [
        "log stdout format raw local0",
        f"maxconn {2 * CLIENTS + 100}",
        "nbthread 2",
        f"tune.bufsize {held + bodies.RESERVED}",
        "tune.maxrewrite 16384",
        f"stats socket unix@{admin} mode 600 level admin",
    ]


def known() -> list[str]:
    """What was known of servers before, and what is not known of requests yet."""
    return [
        f"server-state-file {servers.STATE}",
        "set-var proc.busy int(0)",
        "set-var proc.missing int(0)",
        "set-var proc.trouble date(0,ms)",
    ]


def defaults(settings: Settings) -> list[str]:
    """Time limits, and what HAProxy says when it gives up."""
    return [
        "mode http",
        "log global",
        "option abortonclose",
        "option redispatch 1",
        "option idle-close-on-response",
        "http-reuse always",
        "timeout http-request 10s",
        "timeout http-keep-alive 75s",
        "timeout client 10s",
        "timeout connect 1s",
        "timeout server 150s",
        f"timeout queue {settings.outage}s",
        failure(400, "malformed", "this is no HTTP request"),
        failure(408, "timeout", "the request did not arrive within 10 s"),
        failure(500, "internal", "the gateway failed"),
        failure(502, "internal", "the server broke off its answer", retry=True),
        failure(503, "unavailable", f"no server came up within {settings.outage} s", retry=True),
        failure(504, "timed_out", "the server did not answer in time", retry=True),
    ]


def door(settings: Settings, held: int) -> Iterator[str]:
    """Who may ask what."""
    tls = f" ssl crt {settings.tls_cert} alpn http/1.1 ssl-min-ver TLSv1.3" if settings.tls_cert else ""
    yield f'bind "${{{DOOR}-{settings.host}:{settings.port}}}"{tls}'
    yield f"maxconn {CLIENTS}"
    yield from connections(settings)
    yield f"log-format {quoted(log.FORMAT)}"
    yield from servers.ready(settings)
    yield "acl kserve path_reg ^/v1/models/[^/:]+:(predict|explain)$ ^/v2/models/[^/]+/(infer|explain)$"
    yield from identity()
    yield from log.path(settings)
    yield from cors.allowed(settings)
    yield from attempts.named()
    yield "acl looks method GET HEAD"
    yield refusal(
        400,
        "malformed",
        "the address has parts that may be read in several ways",
        f"if {{ path -i -m sub {' '.join(routes.STRANGE)} }} or {{ path -m reg {bodies.BROKEN} }}",
    )
    yield from routes.probes(settings)
    yield from routes.led(settings)
    yield from callers(settings)
    yield from routes.versioned(settings)
    yield from routes.described(settings)
    yield from routes.rewritten(settings)
    yield from routes.known()
    yield from bodies.bounded(settings, held)
    yield from large.told(settings)
    yield from admission(settings)
    yield from bodies.led(settings, held)
    yield "use_backend large if large"
    yield "default_backend models"


def connections(settings: Settings) -> Iterator[str]:
    """One address leaves others some of the door's places, and of the time it takes to open connections."""
    if not settings.connections:
        return
    yield "tcp-request connection track-sc2 src table addresses"
    yield f"tcp-request connection reject if {{ sc2_conn_cur gt {settings.connections} }}"
    yield f"tcp-request connection reject if {{ sc2_gpc0_rate ge {settings.connections} }}"
    yield "tcp-request connection sc-inc-gpc0(2)"  # who is refused and tries again is not kept out by that


def identity() -> list[str]:
    """What a request is called, in the log and in the answer."""
    return [
        "http-request set-var(txn.id) req.fhdr(x-request-id) if { req.fhdr(x-request-id) -m reg ^[!-~]{1,128}$ }",
        "http-request set-var(txn.id) uuid if !{ var(txn.id) -m found }",
        "http-request set-header x-request-id %[var(txn.id)]",
        "http-after-response set-header x-request-id %[var(txn.id)]",
        "http-request set-var(txn.method) method",
        "http-request set-header x-request-start t=%[date(0,ms)]",
        "http-request del-header x-forwarded-proto",
        "http-request set-header x-forwarded-proto https if { ssl_fc }",
    ]


def callers(settings: Settings) -> Iterator[str]:
    """Keys, and how often each may ask."""
    yield f"acl open_path path_reg {routes.OPEN}"
    yield "acl preflight method OPTIONS"
    yield "acl chunked req.hdr(transfer-encoding) -m found"
    yield refusal(400, "malformed", "OPTIONS takes no body", "if preflight { req.body_size gt 0 } or preflight chunked")
    if settings.keys:
        yield f"http-request set-var(txn.who) http_auth_bearer,sha2(256),hex,map_str({KEY_MAP})"
        yield "acl keyed var(txn.who) -m found"
        for words, condition in (
            ("unknown or revoked API key", "{ req.hdr(authorization) -m found } "),
            ("this server requires an API key", ""),
        ):
            why = f"{words}; send the header authorization: Bearer KEY"
            needed = f"if {condition}!keyed !preflight !open_path or {condition}!keyed !preflight !looks"
            yield answer(envelope("unauthorized", why), needed, 401, " hdr www-authenticate Bearer")
    else:
        yield "http-request set-var(txn.who) src"
    if not settings.rate and not settings.rates:
        return
    yield f"http-request set-var(txn.allowed) int({settings.rate * WINDOW})"
    for name, rate in settings.rates.items():
        yield f"http-request set-var(txn.allowed) int({rate * WINDOW}) if {{ var(txn.who) -m str {name} }}"
    yield "http-request track-sc0 var(txn.who) table callers"
    yield "http-request set-var(txn.asked) sc_gpc0_rate(0)"
    yield "http-request set-var(txn.left) var(txn.allowed),sub(txn.asked)"
    yield refusal(
        429,
        "rate_limited",
        f"too many requests of this caller within {WINDOW} s",
        "if { var(txn.allowed) -m int gt 0 } { var(txn.left) -m int le 0 }",
        retry=True,
    )
    yield "http-request sc-inc-gpc0(0)"


def admission(settings: Settings) -> Iterator[str]:
    """How many may wait: while answers are late, as many as are answered within `max_wait`; else a burst."""
    rate = f"str(all),table_gpc0_rate(answered),mul({settings.max_wait}),div(1000),add({FEWEST})"
    yield "http-request set-var(txn.begin) date(0,ms)"
    yield "http-request set-var(txn.calm) date(0,ms),sub(proc.busy)"
    yield f"acl busy var(txn.calm) -m int lt {BUSY}"
    yield "http-request set-var(txn.well) date(0,ms),sub(proc.trouble)"
    yield f"acl well var(txn.well) -m int gt {1000 * SLOW_START}"
    yield f"http-request set-var(txn.limit) int({settings.burst})"
    yield f"http-request set-var(txn.limit) {rate} if busy well"
    yield "http-request set-var(txn.limit) var(txn.limit),mul(3),div(4) if { req.hdr(x-priority) -i bulk }"
    yield "http-request set-var(txn.over) be_conn(models),sub(txn.limit)"
    yield "acl over var(txn.over) -m int ge 0"
    yield "http-request set-var(proc.busy) date(0,ms) if over !large"
    yield refusal(
        429,
        "overloaded",
        "too many requests are waiting; try again later",
        "if over !large",
        retry=True,
    )
    yield "http-response set-var(txn.took) date(0,ms),sub(txn.begin)"
    late = settings.max_wait + LATE
    between = f"{late}:{max(STALL, 2 * late)}"
    yield f"http-response set-var(proc.busy) date(0,ms) if !large {{ var(txn.took) -m int {between} }}"


def models(settings: Settings) -> list[str]:
    """Send a request again when a worker or Java died over it; answers are the same each time."""
    return [
        f"retries {attempts.most(settings)}",
        "retry-on conn-failure empty-response 502 503",
        timeouts.given(),
        f"server within unix@{attempts.SOCKET}",
        *attempts.told(),
    ]


def within(settings: Settings) -> list[str]:
    """A 503 is what `models` sends again: TorchServe's own failures are."""
    return [
        f"bind unix@{attempts.SOCKET} mode 600",
        "no log",
        *timeouts.left(attempts.REFUSED),
        *servers.ready(settings),
        *attempts.counted(settings),
        *choice.chosen(settings),
        f"http-request set-priority-offset int({BULK}) if {{ req.hdr(x-priority) -i bulk }}",
        *choice.missing(),
        *attempts.judged(),
        *large.heard(),
        *servers.chosen(settings),
    ]
