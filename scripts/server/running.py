"""A server that runs already, beside what a `start` asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import monotonic, sleep

from scripts.console import Failure
from scripts.server import (
    changing,
    draining,
    inference,
    keys,
    listing,
    management,
    preflight,
    state,
    supervise,
    upgrade,
)
from scripts.server.preflight import Options
from scripts.server.state import Server

LOOPBACK = "127.0.0.1"
"""The default of hosts; it counts as not asked for."""


def find(options: Options) -> Server | None:
    """The server of ours on that port; None when it is free for a new one. One that is being stopped is waited for.

    Raises:
        Failure: it was started otherwise than asked. A script that went on would serve those without a key.
    """
    draining.wait_for_stop(state.folder(options.inference_port), options.timeout)
    server = next((each for each in listing.prune_and_list() if each.inference_port == options.inference_port), None)
    if server is None:
        return None
    port = state.flag(options.inference_port)
    differing = list(differences(options, server))
    if differing:
        raise Failure(
            f"the server on port {options.inference_port} runs already, {'; '.join(differing)}",
            fix=f"scripts/bert stop{port}, then the same command",
        )
    return server if server.watcher() else supervise.take_over(server)


def add_missing(options: Options, server: Server) -> tuple[Server, list[str]]:
    """Load what was asked for and does not run yet; the server then, and the names that were added.

    Raises:
        Failure: an archive is missing, or does not start; those before it stay. Or what runs has other workers.
    """
    check_workers(options, server)
    missing = [name for name in options.models if name not in server.models]
    if not missing:
        return server, []
    preflight.archives(replace(options, models=missing))
    with changing.alone(server, options.timeout) as now:
        missing = [name for name in missing if name not in now.models]
        workers = options.workers or preflight.default_workers(options, [*now.models, *missing]) or None
        for name in missing:
            upgrade.add(now.current(), name, options.store / f"{name}.mar", workers, options.timeout)
    return now.current(), missing


def await_answers(options: Options, server: Server) -> Server:
    """The server, when each model that was asked for has answered: Java, or a worker, may have died just now.

    Raises:
        Failure: one has not within `--timeout`, or nobody starts Java again.
    """
    deadline = monotonic() + options.timeout
    for model in options.models or server.models:
        while not answers(now := management.when_back(server, deadline - monotonic()), model, deadline):
            if monotonic() > deadline:
                raise Failure(
                    f"{model} does not answer on port {server.inference_port} after {options.timeout:.0f} s",
                    why=management.traceback(now, model),
                    fix=f"scripts/bert logs{state.flag(server.inference_port)}; or raise --timeout",
                )
            sleep(management.POLL_SECONDS)
    return server.current()


def answers(server: Server, model: str, deadline: float) -> bool:
    """Whether a worker of that model is ready, and a request for it is answered before the deadline."""
    try:
        if management.ready(management.describe(server, model)):
            patience = max(management.POLL_SECONDS, deadline - monotonic())
            inference.post(server, f"/predictions/{model}", {"task": "info"}, patience)
            return True
    except (management.Unreachable, management.Refused):  # Java has died meanwhile, or does not know its models yet
        pass
    return False


def check_workers(options: Options, server: Server) -> None:
    """Compare the number of workers that was asked for with that of what runs; a Java on its way back is waited for.

    Raises:
        Failure: a model that runs, and was asked for or not named, has another one.
    """
    if not options.workers:
        return
    server = management.when_back(server, options.timeout)
    for name in options.models or server.models:
        found = len(management.describe(server, name)["workers"]) if name in server.models else options.workers
        if found != options.workers:
            raise Failure(
                f"{name} has {found} workers on port {server.inference_port} and not {options.workers}",
                fix=f"scripts/bert scale {name} {options.workers}{state.flag(server.inference_port)}",
            )


def differences(options: Options, server: Server) -> Iterator[str]:
    """What was asked for and is not so; what was left at its default is not asked for."""
    if options.keys and server.key_list != str(options.keys.resolve()):
        yield f"with keys of {server.key_list}" if server.key_list else "without --keys"
    if options.auth and server.key_list != str(keys.own(options.inference_port)):
        yield f"with keys of {server.key_list}" if server.key_list else "without --auth"
    hosts = (
        ("--host", options.host, server.host),
        ("--metrics-host", options.metrics_host, server.metrics_host),
        ("--agent-host", options.agent_host, server.agent_host),
    )
    for flag, asked, actual in hosts:
        if asked not in (LOOPBACK, actual):
            yield f"with {flag} {actual}"
    if options.request_log and not server.request_log:
        yield "without --request-log"
