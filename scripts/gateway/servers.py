"""The servers as HAProxy's backends: those to ask first, and those elsewhere, each of them with a queue.

A request goes elsewhere while nobody of the first is up, or all of them are full and one elsewhere is not. A host that
is cut off says nothing: its connections break when it has acknowledged nothing for `DEAD` seconds, whether a request is
on its way or its answer is waited for, and `models` sends the request again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scripts.gateway.hosts import in_zone
from scripts.gateway.settings import Backend, Settings
from scripts.server.agent import HAPROXY
from scripts.server.heard import INTERVAL

FIRST, ELSEWHERE = "servers", "elsewhere"
LARGE = "_large"
CHECK = "check inter 500ms fall 2 rise 1 observe layer4 error-limit 3 on-error mark-down"
SLOW_START = 10
"""Seconds after an outage in which a server gets fewer requests, and a low rate of answers says nothing."""
DEAD = 3
"""Seconds without an acknowledgement after which a connection is lost. A server's system acknowledges however busy it
is; one lost packet is sent again after a fifth of a second, and a second one after two."""
ALIVE = (
    "option srvtcpka",
    "srvtcpka-idle 1s",
    "srvtcpka-intvl 1s",
    f"srvtcpka-cnt {DEAD}",
)
RESOLVERS = "names"
STATE = "servers.state"
"""HAProxy's file in the folder of a gateway: what one that is replaced knew of its servers; see `reload.py`."""
NOTHING = "1\n"
"""That file where nothing is known: the version of its format."""


def places(settings: Settings) -> dict[str, list[Backend]]:
    """By the names of their backends."""
    first, elsewhere = in_zone(settings.servers, settings.zone)
    return {FIRST: first} | ({ELSEWHERE: elsewhere} if elsewhere else {})


def sections(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    """Backends, and who resolves names."""
    for place, servers in places(settings).items():
        yield f"backend {place}", [*answered(), *queue(), *lines(servers)]
        yield f"backend {place}{LARGE}", [*queue(), *large(place, servers)]
    if any(server.addresses > 1 for server in settings.servers):
        yield f"resolvers {RESOLVERS}", resolvers(settings.resolvers)


def ready(settings: Settings) -> list[str]:
    """The condition `ready`: somebody takes requests."""
    return [f"acl ready nbsrv({place}) gt 0" for place in places(settings)]


def chosen(settings: Settings) -> Iterator[str]:
    """Where an attempt goes, large ones apart."""
    both = ELSEWHERE in places(settings)
    for end, condition in ((LARGE, "{ var(txn.large) -m bool }"), ("", "")):
        if both:
            full = f"{{ be_conn_free({FIRST}{end}) le 0 }} {{ be_conn_free({ELSEWHERE}{end}) gt 0 }}"
            gone = f"{{ nbsrv({FIRST}) eq 0 }} {{ nbsrv({ELSEWHERE}) gt 0 }}"
            yield f"use_backend {ELSEWHERE}{end} if {condition} {full} or {condition} {gone}"
        yield f"use_backend {FIRST}{end} if {condition}" if condition else f"default_backend {FIRST}"


def answered() -> list[str]:
    """How many answers there are: the rate by which `admission` decides."""
    return [
        "http-request track-sc0 str(all) table answered",
        "http-response sc-inc-gpc0(0) if { status lt 500 }",
    ]


def queue() -> list[str]:
    """Of requests for one of several servers."""
    return ["balance leastconn", "retries 3", "retry-on conn-failure", "load-server-state-from-file global", *ALIVE]


def lines(servers: Sequence[Backend]) -> Iterator[str]:
    """Each server, asked by a check and its agent."""
    for server in servers:
        yield f"{begun(server)} maxconn {server.in_flight} {checked(server)}"


def large(place: str, servers: Sequence[Backend]) -> Iterator[str]:
    """The same servers, which are up when those of `place` are; two lookups of a name may be in another order."""
    for server in servers:
        how = checked(server) if server.addresses > 1 else f"track {place}/{named(server)}"
        yield f"{begun(server)} maxconn {server.large} {how}"


def named(server: Backend) -> str:
    """By its address, so that it is known again in another configuration."""
    return re.sub(r"[^\w.-]", "_", server.address, flags=re.ASCII)


def begun(server: Backend) -> str:
    """The beginning of its line."""
    if server.addresses == 1:
        return f"server {named(server)} {server.address} tcp-ut {DEAD}s"
    found = f"resolvers {RESOLVERS} init-addr last,none"
    return f"server-template {named(server)}- {server.addresses} {server.address} tcp-ut {DEAD}s {found}"


def checked(server: Backend) -> str:
    """How HAProxy learns how it is."""
    where = f" agent-addr {server.agent_host}" if server.agent_host else ""
    asked = f'agent-check agent-port {server.agent}{where} agent-inter {INTERVAL}s agent-send "{HAPROXY}"'
    agent = f" {asked}" if server.agent else ""
    return f"weight 100 {CHECK} slowstart {SLOW_START}s{agent}"


def resolvers(given: Sequence[str]) -> list[str]:
    """A server goes when its address has been missing from two answers, and stays while nobody answers."""
    return [
        *(f"nameserver n{number} {address}" for number, address in enumerate(given, 1)),
        *([] if given else ["parse-resolv-conf"]),
        "accepted_payload_size 4096",
        "timeout resolve 1s",
        "timeout retry 1s",
        "hold obsolete 2s",
        *(f"hold {what} 1h" for what in ("other", "refused", "timeout")),
        "hold nx 30s",
    ]
