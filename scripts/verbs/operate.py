"""Verbs for a running server: `doctor`, `status`, `logs`, `scale`, `predict`."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Annotated, Any

import orjson
import typer

from scripts.console import Failure, out, print_json
from scripts.gateway import reload
from scripts.gateway import report as gateways
from scripts.paths import MODEL_STORE
from scripts.server import doctor as doctor_checks
from scripts.server import failed, inference, listing, management, refusal, report, scaling, state
from scripts.server.preflight import Options
from scripts.server.tail import follow
from scripts.verbs.options import InferencePort, Json, ModelName, Port, Store, Task, Timeout

STYLES = {True: "", False: "red"}


def doctor(inference_port: InferencePort = 8080, store: Store = MODEL_STORE, as_json: Json = False) -> None:
    """Check Java, packages, CPU, GPU, ports, disk and archives, with a fix for each problem.

    Example: scripts/bert doctor --json
    """
    findings = doctor_checks.examine(Options(store=store, inference_port=inference_port))
    if as_json:
        print_json(doctor_checks.as_json(findings))
    else:
        for finding in findings:
            out.print(f"{'ok  ' if finding.ok else 'warn'} {finding.name}: {finding.detail}", style=STYLES[finding.ok])
            if not finding.ok:
                out.print(f"     to fix: {finding.fix}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def status(inference_port: Port = None, as_json: Json = False) -> None:
    """Show the running servers with their models, workers and restarts, and gateways.

    Exit code 1 if a server has failed, lost its temporary folder or nobody watches it; if a gateway is gone that nobody
    stopped, or is not watched; or if a file of keys cannot be used, and nobody may ask.

    Example: scripts/bert status --json
    """
    servers = [server for server in listing.prune_and_list() if inference_port in (None, server.inference_port)]
    reports, lost = [report.server_report(server) for server in servers], failed.listed(inference_port)
    fronts = gateways.reports()
    if as_json:
        print_json([*reports, *map(report.failed_report, lost), *fronts])
    else:
        for item in reports:
            report.show_server(item)
        for note in lost:
            report.show_failed(note)
        for front in fronts:
            gateways.show(front)
        if not reports and not lost:
            out.print("no server is running; scripts/bert start")
    unwatched = [each for each in reports if each["supervisor"] is None or each["trouble"]]
    unwell = [each for each in fronts if each["state"] in (gateways.GONE, gateways.ALONE) or each["trouble"]]
    raise typer.Exit(1 if lost or unwatched or unwell else 0)


def logs(
    inference_port: Port = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="number of last lines to show of each file")] = 40,
    following: Annotated[
        bool, typer.Option("--follow", "-f", help="keep following the logs until interrupted")
    ] = False,
) -> None:
    """Show the logs of the server and its workers, also after they ended.

    Example: scripts/bert logs -f
    """
    ports = [each.inference_port for each in listing.prune_and_list()]
    ports += [each.inference_port for each in failed.listed()]
    port = inference_port or (ports[0] if ports else state.DEFAULT_PORT)
    follow(state.folder(port) / "logs", lines, following)


def scale(
    name: ModelName,
    workers: Annotated[int, typer.Argument(min=1, help="number of workers")],
    inference_port: Port = None,
    timeout: Timeout = 300,
    as_json: Json = False,
) -> None:
    """Change the number of workers and wait until they are ready.

    Example: scripts/bert scale bert 3
    """
    server = listing.find(inference_port)
    begin = perf_counter()
    description = scaling.scale(server, name, workers, timeout)
    reload.follow_machine()
    pids = management.pids(description)
    if as_json:
        print_json({"model": name, "workers": pids, "seconds": round(perf_counter() - begin, 2)})
    else:
        out.print(
            f"{name}: {workers} workers ready in {perf_counter() - begin:.1f} s, pids {', '.join(map(str, pids))}"
        )


def parsed(body: str) -> dict[str, Any]:
    """A JSON object from the command line."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Failure(f"--body is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise Failure(f"--body is a {type(fields).__name__}", fix="""--body '{"inputs": "some text"}'""")
    return fields


def predict(
    name: ModelName,
    texts: Annotated[list[str] | None, typer.Argument(help="texts; default: the lines of standard input")] = None,
    task: Task = None,
    body: Annotated[str | None, typer.Option("--body", help="complete JSON body instead of texts")] = None,
    drawn: Annotated[
        bool | None,
        typer.Option("--draw/--json", help="draw the answer, or print its JSON [default: draw it on a terminal]"),
    ] = None,
    inference_port: Port = None,
) -> None:
    """Send one request and draw the response, or print it as JSON where the output is no terminal.

    Examples: scripts/bert predict bert "Hello" --task tokenize; echo Hello | scripts/bert predict bert
    """
    server = listing.find(inference_port)
    fields: Any = parsed(body) if body else {}
    if body is None and task != "info":
        fields["inputs"] = texts or [line.rstrip("\n") for line in sys.stdin if line.strip()]
    if task:
        fields["task"] = task
    answer = inference.post(server, f"/predictions/{name}", fields)
    if answer.status_code >= 400:
        raise refusal.explain(server, name, answer)
    if sys.stdout.isatty() if drawn is None else drawn:
        from scripts.drawing.show import show

        show(server, name, fields, answer)
    else:
        sys.stdout.write(answer.text.rstrip("\n") + "\n")
