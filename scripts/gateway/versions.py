"""Which version of each model a gateway asks, as HAProxy's map: it follows what the servers on this machine remember.

A line is `MODEL VERSION`, or `MODEL VERSION/CANARY/PERCENT` while a canary runs. One value for all three, so that a
request never sees half of a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic, sleep

from scripts import paths
from scripts.console import Failure
from scripts.gateway import maps, state
from scripts.gateway.settings import VERSION_MAP
from scripts.gateway.state import Gateway
from scripts.server.state import FILE, Server, loopback, read

FOLLOW_SECONDS = 10


def behind(addresses: Iterable[str]) -> list[Server]:
    """The servers of this machine that live and have one of these addresses."""
    there = filter(None, map(read, sorted(paths.RUNS.glob(f"*/{FILE}"))))
    return [server for server in there if address(server) in addresses and (server.process() or server.watcher())]


def address(server: Server) -> str:
    """As `Backend.address` has it."""
    return f"{loopback(server.host).strip('[]')}:{server.inference_port}"


def routing(servers: Sequence[Server], model: str) -> str | None:
    """The value of a model's line; None where no version is on all of these servers: then it stays as it is."""
    here = [server for server in servers if model in server.answering]
    everywhere = set.intersection(*(held(server, model) for server in here)) if here else set[str]()
    active = next((own for server in here if (own := server.answering[model].version) in everywhere), None)
    canaries = [server.canary[model] for server in here if model in server.canary]
    newer = {canary.loaded.version for canary in canaries} - {active}
    if active is None or len(canaries) < len(here) or len(newer) != 1:
        return active
    return f"{active}/{newer.pop()}/{min(canary.percent for canary in canaries)}"


def held(server: Server, model: str) -> set[str]:
    """Versions that a server answers with."""
    kept = [each[model] for each in (server.answering, server.previous) if model in each]
    canary = [server.canary[model].loaded] if model in server.canary else []
    return {loaded.version for loaded in kept + canary}


def wanted(gateway: Gateway, before: Sequence[str]) -> list[str]:
    """The lines as they should be, where they were these before."""
    servers, known = behind(gateway.servers), dict(line.split() for line in before)
    now = {model: routing(servers, model) or known.get(model) for model in gateway.models}
    return [f"{model} {value}" for model, value in now.items() if value]


def follow(folder: Path) -> None:
    """Tell HAProxy what has changed.

    Raises:
        OSError: it does not answer.
    """
    gateway, before = state.read(folder), maps.read(folder / VERSION_MAP)
    if gateway is None:  # it is being started
        return
    now = wanted(gateway, before)
    if now != before:
        maps.exchange(folder, VERSION_MAP, now)


def in_front_of(server: Server) -> list[Gateway]:
    """The gateways that pass requests on to a server."""
    return [gateway for gateway in state.running() if address(server) in gateway.servers]


def await_followed(server: Server) -> None:
    """Return when each gateway in front of a server asks the versions that it should.

    Raises:
        Failure: one does not in time.
    """
    deadline = monotonic() + FOLLOW_SECONDS
    for gateway in in_front_of(server):
        while wanted(gateway, before := maps.read(gateway.folder / VERSION_MAP)) != before:
            if monotonic() > deadline:
                raise Failure(
                    f"the gateway at {gateway.url} still asks {', '.join(before)}",
                    fix=f"see {gateway.folder / 'gateway.log'}",
                )
            sleep(0.05)
