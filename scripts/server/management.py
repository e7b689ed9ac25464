"""TorchServe's management API over its socket, and the key for requests to its inference API."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlencode

from handler.locks import is_locked, stop_note
from scripts.console import Failure, err
from scripts.server import failed, keys, lost, processes, unix_http
from scripts.server.state import Server, flag

NOT_FOUND = 404
READY = "READY"
"""Of a worker that has loaded its model."""
POLL_SECONDS = 0.1
ANSWER_SECONDS = 30.0
WORKERS_LOG = "worker.log"


def auth_header(server: Server) -> dict[str, str]:
    """What the inference API of a server with keys wants of a request; the socket of management asks for none.

    Raises:
        Failure: there is no key any more.
    """
    return {"authorization": f"Bearer {keys.first(Path(server.key_list))}"} if server.key_list else {}


def manage(
    server: Server,
    method: str,
    path: str,
    timeout: float = ANSWER_SECONDS,
    connection: unix_http.Connection | None = None,
    **query: Any,
) -> Any:
    """Call the management API, over a kept connection if one is given, and decode its answer.

    Raises:
        Failure: no connection, or a status of 400 and above, with TorchServe's own words.
    """
    try:
        target = f"{path}?{urlencode(query)}" if query else path
        with closing(unix_http.Connection(server.management_socket)) as own:
            answer = (connection or own).ask(method, target, timeout)
    except unix_http.ERRORS as error:
        raise unreachable(server, error) from None
    if answer.status >= 400:
        raise Refused(answer.status, f"{method} {path}: {answer.status}", why=message(answer.body))
    return json.loads(answer.body)


class Refused(Failure):
    """The management API said no."""

    def __init__(self, status: int, what: str, why: str) -> None:
        super().__init__(what, why=why, fix="scripts/bert status shows what is served" if status == NOT_FOUND else "")
        self.status = status


def message(body: bytes) -> str:
    """TorchServe's own words."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")


class Unreachable(Failure):
    """The server did not answer."""


def unreachable(server: Server, error: Exception) -> Unreachable:
    """A failure that tells a dead server from a busy one, and from one that comes back or was stopped."""
    port, note = server.inference_port, next(iter(failed.listed(server.inference_port)), None)
    if not server.remembered():
        state = f"has failed: {note.reason}" if note else "was stopped"
        return Unreachable(f"the server on port {port} {state}", fix=failed.fix(note) if note else "scripts/bert start")
    now = server.current()
    watched, logs = now.watcher(), f"scripts/bert logs{flag(port)}"
    again = "it is being started again" if watched else "nobody starts it again"
    if not now.process():
        return Unreachable(
            f"the server on port {port} has died, and {again}", fix=logs if watched else start_again(now)
        )
    if cause := lost.cause(now):
        fix = f"scripts/bert status{flag(port)} says when it is back" if watched else start_again(now)
        return Unreachable(
            f"the server on port {port} cannot be managed: {cause}; {again}",
            fix=f"{fix}; TMPDIR=/a/folder that nobody clears, when it is started next",
        )
    if is_locked(stop_note(now.locks)):
        return Unreachable(f"the server on port {port} is being stopped", fix=logs)
    silent = "is starting" if isinstance(error, FileNotFoundError | ConnectionRefusedError) else "does not answer"
    return Unreachable(f"the server on port {port} {silent}", fix=logs)


def start_again(server: Server) -> str:
    """What to do about one that nobody watches."""
    return f"scripts/bert start {' '.join(server.models)}{flag(server.inference_port)}"


def when_back(server: Server, timeout: float) -> Server:
    """The server, once its management API answers: its Java may have died and be on its way back.

    Raises:
        Unreachable: nobody starts it again, or it takes longer than `timeout` seconds.
    """
    deadline, told = monotonic() + timeout, False
    while True:
        now = server.current()
        try:
            manage(now, "GET", "/models", timeout=min(ANSWER_SECONDS, max(POLL_SECONDS, deadline - monotonic())))
            return now
        except Unreachable as error:
            if not server.remembered() or now.watcher() is None or monotonic() > deadline:
                raise
            if not told:
                err.print(f"{error.what}; waiting for it")
                told = True
        sleep(POLL_SECONDS)


def address(model: str, version: str | None = None) -> str:
    """Of a model in the management API; without a version, of the one that answers by default."""
    return f"/models/{model}" if version is None else f"/models/{model}/{version}"


def describe(server: Server, model: str, version: str | None = None) -> dict[str, Any]:
    """Version, workers and queue of a model; `pid` of a worker that has no process yet is None, and never -1."""
    answer: dict[str, Any] = manage(server, "GET", address(model, version))[0]
    answer["workers"] = [worker | {"pid": processes.known(worker.get("pid"))} for worker in answer["workers"]]
    return answer


def pids(description: dict[str, Any]) -> list[int]:
    """Process ids of the workers that have one."""
    return [worker["pid"] for worker in description["workers"] if worker["pid"] is not None]


def ready(description: dict[str, Any]) -> int:
    """How many workers have loaded the model."""
    return sum(worker["status"] == READY for worker in description["workers"])


def logged(server: Server) -> int:
    """Bytes that workers have written into their log so far."""
    log = server.logs / WORKERS_LOG
    return log.stat().st_size if log.exists() else 0


def traceback(server: Server, model: str, version: str | None = None, begin: int = 0) -> str:
    """The last whole Python traceback of that model's workers, without TorchServe's prefix; empty if there is none.

    Lines read `TIME W-PORT-MODEL_VERSION-stdout - TEXT`.

    Args:
        server: whose log it is.
        model: its name.
        version: one of its versions; None for any.
        begin: what `logged` said before what is looked for; a log that is shorter was begun anew since.
    """
    log = server.logs / WORKERS_LOG
    written = log.read_bytes() if log.exists() else b""
    lines = written[begin if begin <= len(written) else 0 :].decode(errors="replace").splitlines()
    number = "[^_]+" if version is None else re.escape(version)
    own = re.compile(rf"\S+ W-\d+-{re.escape(model)}_{number}-std(out|err) - ")
    bare = [line[match.end() :] for line in lines if (match := own.match(line))]
    starts = [number for number, line in enumerate(bare) if line.startswith("Traceback ")]
    if not starts:
        return ""
    end = starts[-1] + 1
    while end < len(bare) and bare[end].startswith(" "):
        end += 1
    return "\n".join(bare[starts[-1] : end + 1]) if end < len(bare) else ""  # else it is still being written
