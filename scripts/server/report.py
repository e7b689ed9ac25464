"""Tables and lines that describe servers, models and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import psutil
from rich.table import Table

from scripts.console import Failure, out
from scripts.server import failed, journal, keys, lost, management, next_steps
from scripts.server.failed import Failed
from scripts.server.state import Server, loopback

MIB = 1 << 20
LONG = 6  # numbers of a vector that are shown


def server_report(server: Server) -> dict[str, Any]:
    """What `status` says of a server; memory is resident, in MiB."""
    watcher, restarts = server.watcher(), journal.count(server.locks)
    cause = lost.cause(server) if server.process() else ""
    unusable = keys.trouble(Path(server.key_list)) if server.key_list else ""
    parts = [cause and f"{cause}: nothing can be started or managed", unusable and f"nobody may ask: {unusable}"]
    return {
        "state": "lost" if cause else "running" if server.process() else "starting again",
        "trouble": "; ".join(filter(None, parts)),
        "supervisor": watcher.pid if watcher else None,
        "restarts": restarts._asdict(),
        "pid": server.pid,
        "memory_mib": resident(server.pid),
        "inference": server.inference,
        "management": server.management,
        "metrics": server.metrics,
        "host": server.host,
        "metrics_host": server.metrics_host,
        "grpc": f"{server.host}:{server.grpc_port}",
        "auth": server.key_list is not None,
        "keys": server.key_list,
        "logs": str(server.logs),
        "models": [described(server, name) for name in server.models],
        "other_versions": [
            *(
                described(server, name, each.version) | {"canary_percent": None}
                for name, each in server.previous.items()
            ),
            *(
                described(server, name, each.loaded.version) | {"canary_percent": each.percent}
                for name, each in server.canary.items()
            ),
        ],
    }


def described(server: Server, name: str, version: str | None = None) -> dict[str, Any]:
    """A model's version, the one that answers by default if none is given, and its workers; or what is wrong."""
    try:
        description = management.describe(server, name, version)
    except Failure as failure:
        return {"name": name, "version": version or "", "error": failure.what, "workers": []}
    workers = [
        worker | {"memory_mib": resident(worker["pid"]), "status": worker_state(server, name, worker)}
        for worker in description["workers"]
    ]
    ready = bool(management.ready(description))
    return {
        "name": name,
        "version": description["modelVersion"],
        "batch": description["batchSize"],
        "waiting": description["jobQueueStatus"]["pendingRequests"],
        "workers": [{key: worker[key] for key in ("id", "pid", "status", "gpu", "memory_mib")} for worker in workers],
        "trouble": "" if ready else management.traceback(server, name, description["modelVersion"]),
    }


def worker_state(server: Server, model: str, worker: dict[str, Any]) -> str:
    """READY, LEAVING after `scale`, or LOADING; TorchServe says UNLOADING of all that are not ready."""
    if worker["status"] == management.READY:
        return management.READY
    return "LEAVING" if (server.drain_notes / f"{model}.{worker['pid']}").exists() else "LOADING"


def resident(pid: int | None) -> int:
    """Resident memory of a process in MiB; 0 when it is gone, or not there yet."""
    try:
        return int(psutil.Process(pid).memory_info().rss / MIB) if pid else 0
    except psutil.Error:
        return 0


def show_server(report: dict[str, Any]) -> None:
    """Addresses, and a table of workers."""
    out.print(f"{report['inference']}{wildcard_note(report['host'])}  pid {report['pid']}, {report['memory_mib']} MiB")
    for name in ("management", "metrics", "grpc", "logs"):
        out.print(f"  {name:<11}{report[name]}{wildcard_note(report['metrics_host']) if name == 'metrics' else ''}")
    out.print(f"  {'restarts':<11}{restarts_line(report['restarts'])}")
    watcher = report["supervisor"]
    out.print(
        f"  {'supervisor':<11}pid {watcher}"
        if watcher
        else f"  {'supervisor':<11}none: nobody starts it again if it dies; scripts/bert start leaves one",
        style="" if watcher else "yellow",
    )
    if report["state"] != "running":
        out.print(f"  {'state':<11}{report['state']}", style="yellow")
    if report["trouble"]:
        out.print(f"  {'trouble':<11}{report['trouble']}", style="yellow")
    if report["auth"]:
        out.print(f"  {'keys':<11}{report['keys']}")
    table = Table("model", "version", "worker", "pid", "status", "MiB", "waiting")
    for model in [*report["models"], *report["other_versions"]]:
        for worker in model["workers"] or [{}]:
            cells = [model["name"], version_cell(model), worker.get("id", ""), worker.get("pid") or ""]
            state = worker.get("status", model.get("error", "no worker"))
            cells += [state, worker.get("memory_mib", ""), model.get("waiting", "")]
            table.add_row(*map(str, cells))
    out.print(table)
    for model in [*report["models"], *report["other_versions"]]:
        if model.get("trouble"):
            name, last = f"{model['name']} {model['version']}", model["trouble"].splitlines()[-1]
            out.print(f"no worker of {name} is ready; the last one that failed said: {last}", style="yellow")


def version_cell(model: dict[str, Any]) -> str:
    """A version, and what it is for where it does not answer by default."""
    version = model.get("version", "")
    if "canary_percent" not in model:
        return str(version)
    percent = model["canary_percent"]
    return f"{version} (previous)" if percent is None else f"{version} (canary, {percent} %)"


def restarts_line(restarts: dict[str, Any]) -> str:
    """How often processes that died were replaced since `start`."""
    last = f", last at {restarts['last']}" if restarts["last"] else ""
    return f"{restarts['workers']} of workers, {restarts['server']} of the server{last}"


def failed_report(note: Failed) -> dict[str, Any]:
    """What `status` says of a server that is not started any more."""
    return {"state": "failed", "models": [], **msgspec.to_builtins(note)}


def show_failed(note: Failed) -> None:
    """Why, and what to do."""
    what = f"the server on port {note.inference_port}, at {note.time}: {note.reason}"
    Failure(what, why=note.console, fix=failed.fix(note)).show()


def wildcard_note(host: str) -> str:
    """A note beside an address of this machine on which others reach the server at all of its addresses."""
    return f" (on every address of this machine, {host})" if loopback(host) != host else ""


def show_started(server: Server, body: dict[str, Any], milliseconds: float, answer: Any, version: str | None) -> None:
    """Where the server is, its first answer, a command to paste, and what comes next."""
    name = server.models[0]
    key = ' -H "authorization: Bearer $KEY"' if server.key_list else ""
    if page := next_steps.page(server, version):
        out.print(f"\n{page}")
    out.print(f"\n{name} is served at {server.inference}/predictions/{name}{wildcard_note(server.host)}")
    text = json.dumps(body, ensure_ascii=False)
    out.print(f"{text} -> {shorten(answer)}  ({milliseconds:.0f} ms)\n")
    out.print(
        f"  curl -s {server.inference}/predictions/{name}{key} -H 'content-type: application/json' \\\n"
        f"    -d '{text}'\n"
    )
    for line in next_steps.lines(server, version):
        out.print(line)


def show_next(server: Server, version: str | None) -> None:
    """Addresses and commands; see `next_steps`."""
    for line in filter(None, (next_steps.page(server, version), *next_steps.lines(server, version))):
        out.print(line)


def shorten(answer: Any) -> str:
    """An answer on one line, vectors cut to their first numbers."""
    if not isinstance(answer, list):
        return str(answer)[:100]
    if answer and isinstance(answer[0], list):
        return f"{len(answer)} x {shorten(answer[0])}"
    shown = ", ".join(f"{value:.4f}" if isinstance(value, float) else str(value) for value in answer[:LONG])
    return f"[{shown}{', ...' if len(answer) > LONG else ''}] ({len(answer)} long)"
