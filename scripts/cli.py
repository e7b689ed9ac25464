"""The `bert` command: one function per verb, each of them a few lines over the module that does the work."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from time import perf_counter, sleep
from typing import Annotated, Any

import orjson
import typer

from scripts import doctor as doctor_checks
from scripts import launch, management, report, state
from scripts import pack as packer
from scripts import pull as puller
from scripts import stop as stopper
from scripts.console import Failure, err, escaped, out, print_json
from scripts.follow import follow
from scripts.paths import MODEL_STORE
from scripts.presets import DEFAULT, presets

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Store = Annotated[Path, typer.Option("--model-store", help="folder of archives")]
Port = Annotated[int | None, typer.Option("--inference-port", help="which server, if several run")]
Name = Annotated[str, typer.Option("--name", help="what clients call the model")]
Version = Annotated[str, typer.Option("--version", help="version of the model")]
Task = Annotated[str | None, typer.Option("--task", help="task that /predictions/NAME answers")]
Runtime = Annotated[str | None, typer.Option("--runtime", help="engine: eager")]
Dtype = Annotated[str | None, typer.Option("--dtype", help="float32, float16 or bfloat16")]
Config = Annotated[Path | None, typer.Option("--config", help="YAML with keys of model-config.yaml", exists=True)]
Revision = Annotated[str | None, typer.Option("--revision", help="branch, tag or commit on the hub")]
Offline = Annotated[bool, typer.Option("--offline", help="use only what is on this machine")]
Host = Annotated[str, typer.Option("--host", help="address of the inference API")]
InferencePort = Annotated[int, typer.Option("--inference-port")]
ManagementPort = Annotated[int | None, typer.Option("--management-port", help="[default: inference port + 1]")]
MetricsPort = Annotated[int | None, typer.Option("--metrics-port", help="[default: inference port + 2]")]
GrpcPort = Annotated[
    int | None, typer.Option("--grpc-port", help="and the next one [default: 7070; on another inference port, + 3]")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="workers per model [default: the archive's]")]
Device = Annotated[str | None, typer.Option("--device", help="cpu or gpu [default: a GPU if there is one]")]
Auth = Annotated[bool, typer.Option("--auth", help="ask every request for a token")]
Insecure = Annotated[bool, typer.Option("--insecure", help="allow another --host without --auth")]
Foreground = Annotated[bool, typer.Option("--foreground", help="stay until interrupted, then stop the server")]
Timeout = Annotated[float, typer.Option("--timeout", help="seconds to wait for the workers")]


@app.callback()
def bert() -> None:
    """Serve a BERT with TorchServe.

    First steps: `scripts/bert up` packs and starts the default model, `scripts/bert predict bert "some text"` asks it,
    `scripts/bert stop` ends it.
    """


@app.command()
def doctor(inference_port: InferencePort = 8080, as_json: Json = False) -> None:
    """Check Java, packages, device, ports and disk, and say how to fix what is wrong.

    Example: scripts/bert doctor --json
    """
    findings = doctor_checks.examine(launch.Options(store=MODEL_STORE, inference_port=inference_port))
    if as_json:
        print_json(doctor_checks.as_json(findings))
    else:
        for finding in findings:
            mark = "[green]ok[/green]  " if finding.ok else "[red]look[/red]"
            out.print(f"{mark} {escaped(finding.name)}: {escaped(finding.detail)}")
            if not finding.ok:
                out.print(f"     to fix: {escaped(finding.fix)}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command()
def pull(
    model: Annotated[str, typer.Argument(help="preset, hub id or folder")] = DEFAULT,
    revision: Revision = None,
    offline: Offline = False,
    target: Annotated[Path | None, typer.Option("--out", help="where to put it")] = None,
) -> None:
    """Fetch a model into a local checkpoint folder and print its path.

    Examples: scripts/bert pull; scripts/bert pull google-bert/bert-base-uncased --revision main
    """
    out.print(str(puller.pull(model, target, revision, offline)))


@app.command()
def pack(
    folder: Annotated[Path, typer.Argument(help="checkpoint folder", exists=True, file_okay=False)],
    name: Name = "bert",
    version: Version = "1.0",
    task: Task = None,
    runtime: Runtime = None,
    dtype: Dtype = None,
    config: Config = None,
    store: Store = MODEL_STORE,
    check: Annotated[bool, typer.Option("--check", help="load the archive in a clean process and ask it once")] = False,
    as_json: Json = False,
) -> None:
    """Pack a checkpoint folder into model_store/NAME.mar.

    Example: scripts/bert pack my-model --name mine --task embedding --check
    """
    settings = packer.preset_settings({}, {"task": task, "runtime": runtime, "dtype": dtype}, config)
    archive = packer.pack(folder, name, version, settings, store)
    checked = packer.check(archive) if check else None
    if as_json:
        print_json({"archive": str(archive), "bytes": archive.stat().st_size, "check": checked})
    else:
        out.print(f"{archive}" + (f": answered in {checked['answer_seconds'] * 1000:.0f} ms" if checked else ""))


@app.command()
def up(
    model: Annotated[str, typer.Argument(help="preset, hub id or folder")] = DEFAULT,
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
    store: Store = MODEL_STORE,
) -> None:
    """Pull, pack and start, in one.

    Examples: scripts/bert up; scripts/bert up sentence-transformers/all-mpnet-base-v2 --name mpnet
    """
    if already(inference_port):
        return
    folder = puller.pull(model, None, revision, offline)
    preset = presets().get(model)
    settings = packer.preset_settings(preset.settings if preset else {}, {"task": task}, None)
    packer.pack(folder, name, version, settings, store)
    options = launch.Options(
        store=store,
        models=[name],
        host=host,
        inference_port=inference_port,
        workers=workers,
        auth=auth,
        insecure=insecure,
    )
    greet(launch.start(options))


@app.command()
def start(
    names: Annotated[list[str] | None, typer.Argument(help="archives; all there are if none is named")] = None,
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
    timeout: Timeout = 300,
    store: Store = MODEL_STORE,
) -> None:
    """Start TorchServe and return when a worker has answered.

    Examples: scripts/bert start bert; scripts/bert start --inference-port 9080 --workers 2
    """
    if already(inference_port):
        return
    server = launch.start(
        launch.Options(
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
        )
    )
    greet(server)
    if foreground:
        stay(server)


def already(inference_port: int) -> bool:
    """Say so when a server of ours holds the port."""
    for server in state.running():
        if server.inference_port == inference_port:
            out.print(f"already running: {server.inference}, pid {server.pid}, models {', '.join(server.models)}")
            out.print("scripts/bert status shows more; scripts/bert stop ends it")
            return True
    return False


def greet(server: state.Server) -> None:
    """Ask once and show the answer."""
    begin = perf_counter()
    answer = management.post(server, f"/predictions/{server.models[0]}", launch.GREETING)
    report.show_started(server, (perf_counter() - begin) * 1000, answer.json())


def stay(server: state.Server) -> None:
    """Wait for a signal, or for the server's own end; then leave nothing behind."""

    def leave(number: int, frame: Any) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    try:
        while server.process() is not None:
            sleep(0.2)
        raise Failure("TorchServe ended by itself", why=launch.console(server))
    except SystemExit:
        stopper.stop(server, drain=30)
        raise


@app.command()
def status(inference_port: Port = None, as_json: Json = False) -> None:
    """Show running servers, their models and workers.

    Example: scripts/bert status --json
    """
    servers = [state.find(inference_port)] if inference_port else state.running()
    reports = [report.server_report(server) for server in servers]
    if as_json:
        print_json(reports)
    elif not reports:
        out.print("no server of this project runs; scripts/bert start")
    else:
        for item in reports:
            report.show_server(item)


@app.command()
def logs(
    inference_port: Port = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="last lines of each file")] = 40,
    following: Annotated[bool, typer.Option("--follow", "-f", help="go on until interrupted")] = False,
) -> None:
    """Show what the server and its workers wrote, also after they ended.

    Example: scripts/bert logs -f
    """
    port = inference_port or (running[0].inference_port if (running := state.running()) else 8080)
    follow(state.folder(port) / "logs", lines, following)


@app.command()
def stop(
    inference_port: Port = None,
    drain: Annotated[float, typer.Option("--drain", help="seconds to wait for requests in flight")] = 30,
) -> None:
    """Let the server finish what it has, then end it.

    Example: scripts/bert stop --drain 60
    """
    if inference_port is None and not state.running():
        out.print("no server of this project runs")
        return
    server = state.find(inference_port)
    waiting = stopper.stop(server, drain)
    if waiting:
        err.print(f"{waiting} requests were still waiting after {drain:.0f} s and got no answer; --drain waits longer")
    out.print(f"stopped {server.inference}")


@app.command()
def scale(
    name: Annotated[str, typer.Argument(help="model")],
    workers: Annotated[int, typer.Argument(min=1, help="workers")],
    inference_port: Port = None,
    timeout: Timeout = 300,
    as_json: Json = False,
) -> None:
    """Change the number of workers and wait until they are ready.

    Example: scripts/bert scale bert 3
    """
    server = state.find(inference_port)
    begin = perf_counter()
    description = management.scale(server, name, workers, timeout)
    pids = [worker["pid"] for worker in description["workers"]]
    if as_json:
        print_json({"model": name, "workers": pids, "seconds": round(perf_counter() - begin, 2)})
    else:
        out.print(
            f"{name}: {workers} workers ready in {perf_counter() - begin:.1f} s, pids {', '.join(map(str, pids))}"
        )


@app.command()
def predict(
    name: Annotated[str, typer.Argument(help="model")],
    texts: Annotated[list[str] | None, typer.Argument(help="texts; lines of standard input if none is given")] = None,
    task: Task = None,
    body: Annotated[str | None, typer.Option("--body", help="a whole JSON body instead of texts")] = None,
    inference_port: Port = None,
) -> None:
    """Send one request and print the answer.

    Examples: scripts/bert predict bert "Hello" --task tokenize; echo Hello | scripts/bert predict bert
    """
    server = state.find(inference_port)
    fields: Any = orjson.loads(body) if body else {}
    if body is None and task != "info":
        fields["inputs"] = texts or [line.rstrip("\n") for line in sys.stdin if line.strip()]
    if task:
        fields["task"] = task
    answer = management.post(server, f"/predictions/{name}", fields)
    if answer.status_code >= 400:
        raise Failure(f"{name} answered {answer.status_code}", why=answer.text.strip())
    sys.stdout.write(answer.text.rstrip("\n") + "\n")


def main() -> None:
    """Run a verb; a failure is shown with its fix and ends with 1."""
    try:
        app(prog_name="scripts/bert")
    except Failure as failure:
        failure.show()
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
