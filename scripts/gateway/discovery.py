"""The servers and models behind a gateway: those that run here, or those that are named."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import ceil

from scripts.console import Failure
from scripts.gateway.settings import BATCHES, Backend, Served, Settings
from scripts.gateway.versions import address
from scripts.server import agent, listing, local, management, state
from scripts.server.state import Server

CONNECT_SECONDS = 3
UNAUTHORIZED = 401


class KeyRefused(Failure):
    """A server does not know the key."""


def here() -> tuple[tuple[Backend, ...], tuple[Served, ...]]:
    """What runs on this machine.

    Raises:
        Failure: nothing does, or servers hold different models.
    """
    running = listing.prune_and_list()
    if not running:
        raise Failure("no server is running here", fix="scripts/bert start NAME, or --server URL --model NAME")
    names = {tuple(sorted(server.models)) for server in running}
    if len(names) > 1:
        listed = "; ".join(f"{server.inference_port}: {', '.join(server.models)}" for server in running)
        raise Failure(
            f"servers with different models cannot stand in for each other ({listed})",
            fix="name those that hold the same ones with --server URL --model NAME",
        )
    check_keys(running)
    backends, header = tuple(map(backend, running)), management.auth_header(running[0])
    return backends, tuple(first(backends[:1], name, header) for name in running[0].models)


def check_keys(servers: Sequence[Server]) -> None:
    """Refuse servers of which one asks for a key that another does not know, or for none.

    Raises:
        Failure: clients would be refused by turns.
    """
    asked_for = {server.inference_port: server.key_list or "" for server in servers}
    if len(set(asked_for.values())) > 1:
        listed = "; ".join(f"{port}: {file or 'none'}" for port, file in asked_for.items())
        raise Failure(
            f"servers that ask for different keys cannot stand in for each other ({listed})",
            fix="start them with one --keys FILE, or name those that ask for the same with --server URL --model NAME",
        )


def still(before: Settings, more: bool = False) -> tuple[tuple[Backend, ...], tuple[Served, ...]]:
    """The servers behind a gateway that run here and hold its first model, and the models that all of them hold.

    Args:
        before: what is behind it.
        more: whether servers that are not behind it come in as well, if they hold all models that it serves. Whoever
            starts a server for himself beside one that others use does not want it there.

    Raises:
        Failure: none does, or one does not answer.
    """
    names, known = [model.name for model in before.models], {each.address for each in before.servers}
    running = [
        server
        for server in listing.prune_and_list()
        if (address(server) in known and names[0] in server.models) or (more and {*names} <= {*server.models})
    ]
    if not running:
        raise Failure(
            f"no server of {', '.join(sorted(known))} runs here and holds {names[0]}",
            fix="start it again; or have another one take its place: scripts/bert gateway reload",
        )
    check_keys(running)
    backends, header = tuple(map(backend, running)), management.auth_header(running[0])
    everywhere = set.intersection(*(set(server.models) for server in running))
    kept = [name for name in dict.fromkeys([*names, *running[0].models]) if name in everywhere]
    return backends, tuple(first(backends[:1], name, header) for name in kept)


def backend(server: Server) -> Backend:
    """A server of ours, with as many requests inside as keep its workers busy.

    On a CPU a large request keeps all cores busy by itself, and half of the workers stay free of them; on a GPU several
    are computed together, soon.
    """
    models = [management.describe(server, name) for name in server.models]
    inside = sum(ceil(BATCHES * model["batchSize"] * len(model["workers"])) for model in models)
    workers = [worker for model in models for worker in model["workers"]]
    large = inside if any(worker["gpu"] for worker in workers) else max(1, len(workers) // 2)
    address = state.loopback(server.host).strip("[]")
    return Backend(address, server.inference_port, inside, large, agent.port(server), state.loopback(server.agent_host))


def named(
    servers: Sequence[Backend], models: Sequence[str], key: str
) -> tuple[tuple[Backend, ...], tuple[Served, ...]]:
    """Servers anywhere, of which one answers at least.

    Raises:
        Failure: no server answers, none of them rightly, or one that does not know the key; or no model was named.
    """
    if not models:
        raise Failure("--server needs --model", fix="name the models of these servers: --model bert")
    header = {"authorization": f"Bearer {key}"} if key else {}
    found = tuple(first(servers, name, header) for name in models)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda server: check_key(server, models[0], header), servers))
    return tuple(servers), found


def check_key(server: Backend, name: str, header: dict[str, str]) -> None:
    """Refuse a server beside others if it does not know their key; one that says nothing now may come later.

    Raises:
        KeyRefused: clients would be refused by turns.
    """
    with suppress(OSError):
        try:
            asked(origin(server), name, header)
        except KeyRefused:
            raise
        except Failure:
            pass


def origin(server: Backend) -> str:
    """Where a server is asked."""
    return f"http://{f'[{server.host}]' if ':' in server.host else server.host}:{server.port}"


def first(servers: Sequence[Backend], name: str, header: dict[str, str]) -> Served:
    """A model, as the first server that answers describes it; several hosts need not all be there, and have it already.

    Raises:
        Failure: none describes it.
    """
    silent, refusals = [], list[Failure]()
    for server in servers:
        try:
            return asked(origin(server), name, header)
        except OSError as error:  # of requests, too
            silent.append(f"{server.address} ({type(error).__name__})")
        except Failure as failure:  # it is starting, full, or has another key
            refusals.append(failure)
    if refusals:
        others = f"; others do not answer: {', '.join(silent)}" if silent else ""
        words = "; ".join(failure.what for failure in refusals)
        raise Failure(f"{words}{others}", why=refusals[0].why, fix=refusals[0].fix)
    raise Failure(f"no server answers: {', '.join(silent)}", fix="start one of them first")


def asked(url: str, name: str, header: dict[str, str]) -> Served:
    """A model, as it describes itself.

    Raises:
        OSError: nobody answers.
        KeyRefused: it does not know the key.
        Failure: it is no such answer.
    """
    address = f"{url.rstrip('/')}/predictions/{name}"
    answer = local.request("POST", address, json={"task": "info"}, headers=header, timeout=(CONNECT_SECONDS, 30))
    try:
        about = answer.json()
        return Served(name, about["version"], about["task"], about["dimensions"])
    except (ValueError, KeyError, TypeError):
        what = f"{address} answers {answer.status_code} and not its info"
        if answer.status_code == UNAUTHORIZED:
            fix = "--keys FILE, in which a key stands first that the servers know"
            raise KeyRefused(what, why=answer.text[:300], fix=fix) from None
        raise Failure(what, why=answer.text[:300]) from None
