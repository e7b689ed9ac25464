"""Verbs that start and stop a server: `up`, `start`, `stop`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from scripts import smoke_test
from scripts.console import Failure, err, out
from scripts.gateway import reload
from scripts.paths import MODEL_STORE
from scripts.server import failed, inference, launch, listing, preflight, report, running, state
from scripts.server import foreground as in_foreground
from scripts.server import stop as stopper
from scripts.server.preflight import Options
from scripts.sources import pull as puller
from scripts.sources.presets import DEFAULT, Preset, presets
from scripts.verbs.options import (
    AgentHost,
    Auth,
    CorsOrigin,
    Device,
    Foreground,
    ForegroundDrain,
    GrpcPort,
    Host,
    InferencePort,
    Insecure,
    Keys,
    ManagementPort,
    MetricsHost,
    MetricsPort,
    Name,
    Names,
    Offline,
    Port,
    RequestLog,
    Revision,
    Store,
    Task,
    Timeout,
    Version,
    Workers,
)


def up(
    model: Annotated[str, typer.Argument(help="preset, Hugging Face hub id or checkpoint folder")] = DEFAULT,
    name: Name = "bert",
    version: Version = "1.0",
    task: Task = None,
    revision: Revision = None,
    offline: Offline = False,
    host: Host = "127.0.0.1",
    inference_port: InferencePort = 8080,
    workers: Workers = None,
    auth: Auth = False,
    insecure: Insecure = False,
    keys: Keys = None,
    cors_origin: CorsOrigin = None,
    store: Store = MODEL_STORE,
) -> None:
    """Pull, pack and start a model in one step.

    Examples: scripts/bert up; scripts/bert up sentence-transformers/all-mpnet-base-v2 --name mpnet
    """
    options = Options(
        store=store,
        models=[name],
        host=host,
        inference_port=inference_port,
        workers=workers,
        auth=auth,
        insecure=insecure,
        keys=keys,
        cors_origin=cors_origin,
    )
    server = running.find(options)
    if server and name in server.models:
        running.check_workers(options, server)
        return say_that_it_runs(running.await_answers(options, server))
    if not server:
        preflight.check_place(options)
    folder = puller.pull(model, None, revision, offline)
    pack_if_needed(folder, presets().get(model), name, version, task, store)
    if server:
        return add_to(server, options)
    return print_first_answer(launch.start(options))


def pack_if_needed(folder: Path, preset: Preset | None, name: str, version: str, task: str | None, store: Path) -> None:
    """Make the archive, unless the one that is there is the same."""
    from scripts.packing import existing  # torch takes seconds to import
    from scripts.packing import pack as packer
    from scripts.sources import checkpoint as checkpoints

    settings = packer.preset_settings(preset.settings if preset else {}, {"task": task}, None)
    wanted = packer.configure(checkpoints.read(folder), settings)
    if not existing.is_current(store / f"{name}.mar", folder, wanted, version):
        packer.pack(folder, name, version, settings, store)


def start(
    names: Names = None,
    host: Host = "127.0.0.1",
    inference_port: InferencePort = 8080,
    management_port: ManagementPort = None,
    metrics_port: MetricsPort = None,
    grpc_port: GrpcPort = None,
    workers: Workers = None,
    device: Device = None,
    auth: Auth = False,
    insecure: Insecure = False,
    foreground: Foreground = False,
    drain: ForegroundDrain = 6,
    timeout: Timeout = 300,
    metrics_host: MetricsHost = "127.0.0.1",
    agent_host: AgentHost = "127.0.0.1",
    keys: Keys = None,
    cors_origin: CorsOrigin = None,
    request_log: RequestLog = False,
    store: Store = MODEL_STORE,
) -> None:
    """Start TorchServe and return when every model has answered a request; or add models to a server that runs.

    Examples: scripts/bert start bert; scripts/bert start --inference-port 9080 --workers 2
    """
    options = Options(
        store,
        names or [],
        host,
        inference_port,
        management_port,
        metrics_port,
        grpc_port,
        workers,
        device,
        auth,
        insecure,
        timeout,
        metrics_host,
        keys,
        cors_origin,
        request_log,
        agent_host,
    )
    server = running.find(options)
    if server and foreground:
        raise Failure(
            f"port {inference_port} has a server already", fix=f"scripts/bert stop{state.flag(inference_port)}"
        )
    if server:
        return add_to(server, options)
    server = launch.start(options)
    asked = in_foreground.Asked() if foreground else None
    print_first_answer(server)
    return in_foreground.wait(server, drain, asked) if asked else None


def add_to(server: state.Server, options: Options) -> None:
    """For a server that is there already, perhaps without all the models that are wanted now."""
    server, added = running.add_missing(options, server)
    server = running.await_answers(options, server)
    if not added:
        return say_that_it_runs(server)
    reload.follow_machine()
    for name in added:
        out.print(f"{name} is served at {server.inference}/predictions/{name}")
    return None


def say_that_it_runs(server: state.Server) -> None:
    """For a server that is there already."""
    out.print(f"already running: {server.inference}, pid {server.pid}, models {', '.join(server.models)}")
    report.show_next(server, packed_version(server))


def print_first_answer(server: state.Server) -> None:
    """Ask once and show the answer."""
    address = f"/predictions/{server.models[0]}"
    info = inference.info(server, address)
    body = smoke_test.body(info)
    begin = perf_counter()
    answer = inference.post(server, address, body)
    milliseconds = (perf_counter() - begin) * 1000
    report.show_started(server, body, milliseconds, inference.decoded(answer), smoke_test.version(info))


def packed_version(server: state.Server) -> str | None:
    """Of the first model, from its own `info`; None when it does not say, or does not answer now."""
    with suppress(Failure):
        return smoke_test.version(inference.info(server, f"/predictions/{server.models[0]}", timeout=5))
    return None


def stop(
    inference_port: Port = None,
    drain: Annotated[float, typer.Option("--drain", help="maximum seconds to wait for requests in flight")] = 30,
) -> None:
    """Stop the server gracefully, after the requests in flight.

    Example: scripts/bert stop --drain 60
    """
    for note in failed.listed(inference_port):
        failed.clear(note.inference_port)
        out.print(f"cleared the failed server on port {note.inference_port}")
    if not [server for server in listing.prune_and_list() if inference_port in (None, server.inference_port)]:
        out.print("no server is running" + (f" on port {inference_port}" if inference_port else ""))
        return
    server = listing.find(inference_port)
    waiting = stopper.stop(server, drain)
    if waiting:
        err.print(
            f"at least {waiting} requests still waited after {drain:.0f} s and got no answer; --drain waits longer"
        )
    out.print(f"stopped {server.inference}")
