"""Which version of each model a gateway asks, as HAProxy's map: it follows what its servers hold.

A line is `MODEL VERSION`, or `MODEL VERSION/CANARY/PERCENT` while a canary runs. One value for all three, so that a
request never sees half of a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from scripts import paths
from scripts.console import Failure
from scripts.gateway import agents, maps, state
from scripts.gateway.settings import VERSION_MAP, Settings
from scripts.gateway.state import Gateway
from scripts.server import holding
from scripts.server.holding import Holding
from scripts.server.state import FILE, Server, loopback, read

FOLLOW_SECONDS = 10


def behind(gateway: Gateway) -> list[Holding]:
    """What the servers that live hold: those of this machine as they have written it down, others as they say.

    Raises:
        OSError: HAProxy does not answer.
    """
    there = filter(None, map(read, sorted(paths.RUNS.glob(f"*/{FILE}"))))
    local = {address(server): server for server in there if address(server) in gateway.servers}
    lives = [server for server in local.values() if server.process() or server.watcher()]
    others = [each.agent for each in agents.up(gateway.folder) if "{}:{}".format(*each.server) not in local]
    return [*map(holding.of, lives), *filter(None, agents.holdings(others))]


def address(server: Server) -> str:
    """As `Backend.address` has it."""
    return f"{loopback(server.host).strip('[]')}:{server.inference_port}"


def routing(servers: Sequence[Holding], model: str) -> str | None:
    """The value of a model's line; None where no version is on all of these servers: then it stays as it is."""
    here = [server for server in servers if model in server.answering]
    everywhere = set.intersection(*(server.versions(model) for server in here)) if here else set[str]()
    active = next((own for server in here if (own := server.answering[model]) in everywhere), None)
    canaries = [server.canary[model] for server in here if model in server.canary]
    newer = {version for version, _ in canaries} - {active}
    if active is None or len(canaries) < len(here) or len(newer) != 1:
        return active
    return f"{active}/{newer.pop()}/{min(percent for _, percent in canaries)}"


def wanted(gateway: Gateway, before: Sequence[str]) -> list[str]:
    """The lines as they should be, where they were these before."""
    servers, known = behind(gateway), dict(line.split() for line in before)
    now = {model: routing(servers, model) or known.get(model) for model in gateway.models}
    return [f"{model} {value}" for model, value in now.items() if value]


def write(settings: Settings) -> None:
    """Give models that are new to a gateway the line that HAProxy reads when it starts; others keep theirs."""
    file = settings.folder / VERSION_MAP
    before = dict(line.split() for line in maps.read(file))
    maps.write(file, [f"{model.name} {before.get(model.name, model.version)}" for model in settings.models])


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
        while not followed(gateway):
            if monotonic() > deadline:
                asks = ", ".join(maps.read(gateway.folder / VERSION_MAP))
                raise Failure(
                    f"the gateway at {gateway.url} still asks {asks}", fix=f"see {gateway.folder / 'gateway.log'}"
                )
            sleep(0.05)


def followed(gateway: Gateway) -> bool:
    """Whether it asks the versions that it should; not while its HAProxy starts again."""
    before = maps.read(gateway.folder / VERSION_MAP)
    with suppress(OSError):
        return wanted(gateway, before) == before
    return False
