"""This project's own schema: `{"inputs": ...}` in, the task's plain answer or `{"error", "error_type"}` out."""

from __future__ import annotations

from typing import Any

from handler.call import Call, Row
from handler.errors import BertError, Invalid, quote
from handler.protocols import body
from handler.protocols.base import Protocol, Tasks, choose, dump
from handler.tasks.base import Task, TextRequest


class Native(Protocol):
    """Every task, by path or by the key `task`."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> tuple[Task[Any], TextRequest]:
        """See `Protocol.decode`. A body that is a bare text or list is the inputs."""
        decoded = body.read(row)
        fields = dict(decoded.value) if isinstance(decoded.value, dict) else {"inputs": decoded.value}
        task = choose(tasks, named(row.path, fields.pop("task", None)) or default)
        if "text" in fields:
            if "inputs" in fields:
                raise Invalid('"text" and "inputs" are two names of one key; send one of them')
            fields["inputs"] = fields.pop("text")
        return task, task.parse(fields, decoded.strict)

    def encode(self, call: Call) -> bytes:
        """The task's answer as it is."""
        return dump(call.answer)

    def encode_error(self, error: BertError) -> bytes:
        """See the module's first line."""
        return dump({"error": str(error), "error_type": error.error_type})


def named(path: str, task: Any) -> str:
    """The task a request names, empty when it names none."""
    if task is None:
        return path
    if not isinstance(task, str):
        raise Invalid(f'"task" is a {type(task).__name__}; send a string')
    if path and path != task:
        raise Invalid(f'the path asks for {quote(path)} and "task" for {quote(task)}; send one of them')
    return task
