"""A server that runs already, beside what a `start` asks for."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.console import Failure
from scripts.server import draining, state, supervise
from scripts.server.preflight import Options
from scripts.server.state import Server

LOOPBACK = "127.0.0.1"
"""The default of hosts; it counts as not asked for."""


def find(options: Options) -> Server | None:
    """The server of ours on that port; None when it is free for a new one. One that is being stopped is waited for.

    Raises:
        Failure: it lacks a model, or was started otherwise than asked. A script that went on would get 404s, or
            serve those without a key.
    """
    draining.wait_for_stop(state.folder(options.inference_port))
    server = next((each for each in state.prune_and_list() if each.inference_port == options.inference_port), None)
    if server is None:
        return None
    port = state.flag(options.inference_port)
    missing = [name for name in options.models if name not in server.models]
    together = " ".join(dict.fromkeys([*server.models, *options.models]))
    if missing:
        raise Failure(
            f"the server on port {options.inference_port} serves {', '.join(server.models)} and not "
            f"{', '.join(missing)}; models are loaded when a server starts",
            fix=f"scripts/bert stop{port}, then scripts/bert start {together}{port}; "
            "or a second server beside it with another --inference-port",
        )
    differing = list(differences(options, server))
    if differing:
        raise Failure(
            f"the server on port {options.inference_port} runs already, {'; '.join(differing)}",
            fix=f"scripts/bert stop{port}, then the same command",
        )
    return server if server.watcher() else supervise.take_over(server)


def differences(options: Options, server: Server) -> Iterator[str]:
    """What was asked for and is not so; what was left at its default is not asked for."""
    if options.keys and server.key_list != str(options.keys.resolve()):
        yield f"with keys of {server.key_list}" if server.key_list else "without --keys"
    if options.auth and (not server.auth or server.key_list):
        yield "without --auth"
    hosts = (("--host", options.host, server.host), ("--metrics-host", options.metrics_host, server.metrics_host))
    for flag, asked, actual in hosts:
        if asked not in (LOOPBACK, actual):
            yield f"with {flag} {actual}"
    if options.workers:
        yield "and workers of a running server are changed by scripts/bert scale"
