"""The servers and models behind a gateway: those that run here, or those that are named."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from urllib.parse import urlsplit

import requests

from scripts.console import Failure
from scripts.gateway.settings import BATCHES, IN_FLIGHT, Backend, Served
from scripts.server import agent, local, management, state
from scripts.server.state import Server


def here() -> tuple[tuple[Backend, ...], tuple[Served, ...]]:
    """What runs on this machine.

    Raises:
        Failure: nothing does, or servers hold different models.
    """
    running = state.prune_and_list()
    if not running:
        raise Failure("no server is running here", fix="scripts/bert start NAME, or --server URL --model NAME")
    names = {tuple(sorted(server.models)) for server in running}
    if len(names) > 1:
        listed = "; ".join(f"{server.inference_port}: {', '.join(server.models)}" for server in running)
        raise Failure(
            f"servers with different models cannot stand in for each other ({listed})",
            fix="name those that hold the same ones with --server URL --model NAME",
        )
    first = running[0]
    found = tuple(asked(first.inference, name, management.auth_header(first, "inference")) for name in first.models)
    return tuple(map(backend, running)), found


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
    return Backend(address, server.inference_port, inside, large, agent.port(server))


def named(urls: Sequence[str], models: Sequence[str], key: str) -> tuple[tuple[Backend, ...], tuple[Served, ...]]:
    """Servers anywhere.

    Raises:
        Failure: an address is none, a server does not answer, or no model was named.
    """
    if not models:
        raise Failure("--server needs --model", fix="name the models of these servers: --model bert")
    backends = []
    for url in urls:
        try:
            parts, port = urlsplit(url), urlsplit(url).port or 80
        except ValueError as error:  # a port beyond 65535
            raise Failure(f"--server {url}: {error}", fix="--server http://10.0.0.5:8080") from None
        if parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
            raise Failure(f"--server {url} is not the address of a server", fix="--server http://10.0.0.5:8080")
        backends.append(Backend(parts.hostname, port, IN_FLIGHT))
    header = {"authorization": f"Bearer {key}"} if key else {}
    return tuple(backends), tuple(asked(urls[0], name, header) for name in models)


def asked(url: str, name: str, header: dict[str, str]) -> Served:
    """A model, as it describes itself.

    Raises:
        Failure: it does not.
    """
    address = f"{url.rstrip('/')}/predictions/{name}"
    try:
        answer = local.request("POST", address, json={"task": "info"}, headers=header, timeout=30)
        about = answer.json()
        return Served(name, about["version"], about["task"], about["dimensions"])
    except requests.RequestException as error:
        raise Failure(f"{url} does not answer: {type(error).__name__}", fix="start the server first") from None
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{address} answers {answer.status_code} and not its info", why=answer.text[:300]) from None
