"""This project's own schema: `{"inputs": ...}` in, the task's plain answer or `{"error", "error_type"}` out.

Clients of Hugging Face's inference API speak it too: their `parameters` are keys of the body.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from handler.call import Call
from handler.errors import BertError, Invalid, quote
from handler.protocols import arrays, body
from handler.protocols.base import Decoded, EncodedBody, Protocol, Tasks, choose, dump, envelope
from handler.protocols.operations import Archive, Operation, Operations, first_line
from handler.tasks.base import Task, TextRequest
from handler.tasks.response_schemas import REPLIES
from handler.types import Row

INVOCATIONS = "/invocations"
"""SageMaker's, which TorchServe answers as `/predictions/{model}`."""


class Native(Protocol):
    """Every task, by path or by the key `task`."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """See `Protocol.decode`. A body that is a bare text or list is the inputs."""
        decoded = body.read(row)
        fields = dict(decoded.value) if isinstance(decoded.value, dict) else {"inputs": decoded.value}
        task = named(row.path, fields.pop("task", None))
        fields = self.flatten(fields)
        found = choose(tasks, task or self.meant(fields, tasks) or default)
        if "text" in fields:
            if "inputs" in fields:
                raise Invalid('"text" and "inputs" are two names of one key; send one of them')
            fields["inputs"] = fields.pop("text")
        return self.decoded(found, fields, decoded.strict, arrays.wanted(row, found))

    def meant(self, fields: dict[str, Any], tasks: Tasks) -> str:
        """The task that a body asks for where nothing names one; empty for the archive's own."""
        return ""

    def flatten(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The task's keys among a body's."""
        return flattened(fields)

    def decoded(self, task: Task[Any], fields: dict[str, Any], strict: bool, state: Any) -> Decoded:
        """The task's keys, validated."""
        return Decoded(task, task.parse(fields, strict), state)

    def binary(self, call: Call) -> bool:
        """See `Protocol.binary`."""
        return call.protocol_state is not None

    def encode(self, call: Call) -> EncodedBody:
        """The task's answer as it is, or its numbers as bytes where the client asked for those."""
        return (
            arrays.encode(call.answer, call.protocol_state) if call.protocol_state else EncodedBody(dump(call.answer))
        )

    def encode_error(self, error: BertError) -> bytes:
        """See the module's first line."""
        return envelope(error)

    def operations(self, archive: Archive) -> Operations:
        """See `Protocol.operations`: each task, and the archive's own, which is SageMaker's address, too."""
        found = {name: operation(task) for name, task in archive.tasks.items()}
        default = replace(found[archive.default], summary=f"The archive's own task, {archive.default}.")
        return {"": default, **found, INVOCATIONS: replace(default, query={"model_name": archive.name})}


def operation(task: type[Task[Any]]) -> Operation:
    """A task's own path; one whose request has no keys of its own is read with GET."""
    keyed = set(task.request.__struct_fields__) > set(TextRequest.__struct_fields__)
    media = tuple(arrays.FORMATS) if task.numeric else ()
    summary = first_line(task.__doc__) or task.name
    return Operation(summary, (task.request,) if keyed else (), REPLIES[task.name], media, strict=True)


def flattened(fields: dict[str, Any]) -> dict[str, Any]:
    """`parameters` among the other keys."""
    parameters = fields.pop("parameters", None)
    if parameters is None:
        return fields
    if not isinstance(parameters, dict):
        raise Invalid(f'"parameters" is a {type(parameters).__name__}; send an object')
    twice = sorted(fields.keys() & parameters.keys())
    if twice:
        raise Invalid(f'{quote(twice[0])} is in "parameters" and beside it; send it once')
    return fields | parameters


def named(path: str, task: Any) -> str:
    """The task a request names, empty when it names none."""
    if task is None:
        return path
    if not isinstance(task, str):
        raise Invalid(f'"task" is a {type(task).__name__}; send a string')
    if path and path != task:
        raise Invalid(f'the path asks for {quote(path)} and "task" for {quote(task)}; send one of them')
    return task
