"""A model of a running server as a target of load."""

from __future__ import annotations

from collections.abc import Sequence

from scripts import smoke_test
from scripts.console import Failure
from scripts.load.served import Target
from scripts.server import inference, management
from scripts.server.state import Server


def target(server: Server, name: str, task: str | None, workers: Sequence[int]) -> Target:
    """Where requests go, with the server's key; `workers` are ids of processes, whose time is counted like Java's.

    No task is an embedding, or what the archive answers by itself where it makes none.

    Raises:
        Failure: a text alone is not enough for it, or the archive has no such task.
    """
    path = f"/predictions/{name}"
    fields = smoke_test.fields(task or smoke_test.texts_task(inference.info(server, path)))
    answer = inference.post(server, path, {"inputs": smoke_test.TEXT, **fields})
    if answer.status_code != 200:
        raise Failure(
            f"{name} answers {answer.status_code} to a text alone with the task {fields['task']}",
            why=answer.text[:500],
            fix="--task for another one; it has to take texts",
        )
    return Target(
        f"{server.inference}{path}",
        fields,
        pids=[server.pid, *workers],
        metrics=server.metrics,
        head="".join(f"{key}: {value}\r\n" for key, value in management.auth_header(server).items()),
    )
