"""A server at one moment: its counters, and its workers as the management API and the machine see them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Any

import psutil
import requests

from scripts.console import Failure
from scripts.server import local, management, processes, report
from scripts.server.state import Server
from scripts.top import exposition
from scripts.top.exposition import Values
from scripts.top.figures import Figures, measure, turned_away


@dataclass(frozen=True, slots=True)
class Worker:
    """A process; its CPU time is in seconds, its memory resident."""

    id: str
    version: str
    pid: int | None
    status: str
    gpu: bool
    memory_mib: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Model:
    """A model, or why it cannot be described."""

    name: str
    version: str
    waiting: int
    workers: list[Worker]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """What was seen, and when."""

    time: float
    values: Values
    models: list[Model]


@dataclass(frozen=True, slots=True)
class Row:
    """A model now, with what it did since an earlier moment, and the share of a core that each worker used."""

    model: Model
    figures: Figures
    cpu: list[float | None]


@dataclass(frozen=True, slots=True)
class Span:
    """What happened between two moments.

    Attributes:
        rows: of each model.
        turned_away: requests per second that reached no worker, of all models.
    """

    rows: list[Row]
    turned_away: float


def look(server: Server) -> Moment:
    """Ask both addresses.

    Raises:
        Failure: the server does not answer.
    """
    try:
        text = local.request("GET", server.metrics, timeout=10).text
    except requests.RequestException as error:
        raise management.unreachable(server, error) from None
    return Moment(monotonic(), exposition.parse(text), [describe(server, name) for name in server.models])


def describe(server: Server, name: str) -> Model:
    """The version that answers by default, and the workers of all versions, since counters are those of all."""
    try:
        default = management.describe(server, name)["modelVersion"]
        versions = management.manage(server, "GET", f"/models/{name}/all")
    except Failure as failure:
        return Model(name, "", 0, [], failure.what)
    waiting = sum(each["jobQueueStatus"]["pendingRequests"] for each in versions)
    workers = [worker(each, str(version["modelVersion"])) for version in versions for each in version["workers"]]
    return Model(name, str(default), waiting, workers)


def worker(answer: dict[str, Any], version: str) -> Worker:
    """As the management API has it, with what the machine says of its process."""
    pid = processes.known(answer.get("pid"))
    used = report.resident(pid), cpu_seconds(pid)
    return Worker(answer["id"], version, pid, answer["status"], answer["gpu"], *used)


def cpu_seconds(pid: int | None) -> float:
    """Computing time of a process; 0 when it is gone."""
    try:
        times = psutil.Process(pid).cpu_times() if pid else None
    except psutil.Error:
        return 0.0
    return times.user + times.system if times else 0.0


def compare(before: Moment, after: Moment) -> Span:
    """What happened between two moments."""
    seconds = max(after.time - before.time, 1e-9)
    earlier = {each.pid: each.cpu_seconds for model in before.models for each in model.workers if each.pid}
    rows = [
        Row(
            model,
            measure(model.name, before.values, after.values, seconds, len(model.workers)),
            [
                max(each.cpu_seconds - earlier[each.pid], 0) / seconds if each.pid in earlier else None
                for each in model.workers
            ],
        )
        for model in after.models
    ]
    return Span(rows, turned_away(before.values, after.values, seconds))


class Recent:
    """The moments of the last seconds: counters are written once a second, and so rates are taken over several."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._moments: deque[Moment] = deque()

    def add(self, moment: Moment) -> None:
        """Keep it, and of those before one that is old enough."""
        self._moments.append(moment)
        while len(self._moments) > 2 and moment.time - self._moments[1].time >= self._seconds:
            self._moments.popleft()

    def span(self) -> Span:
        """What happened since the oldest of them."""
        return compare(self._moments[0], self._moments[-1])
