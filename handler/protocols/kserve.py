"""KServe's protocols: version 1 at `/v1/models/{model}:predict`, and version 2 at `/v2/models/{model}/infer`.

The second is the Open Inference Protocol (https://github.com/kserve/open-inference-protocol). TorchServe hands over
both without saying which: a body with `instances` is version 1. `:explain` and `/explain` ask for `explanations`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.call import Call
from handler.errors import BertError, Invalid, Undecodable, UnknownTask, quote, unknown
from handler.protocols import body, foreign, kserve_paths, tensors
from handler.protocols.base import Decoded, EncodedBody, Protocol, Tasks, choose, dump
from handler.protocols.kserve_inputs import inputs, instances, keyed, named, takes_list
from handler.protocols.kserve_paths import BINARY, OCTETS, Infer
from handler.protocols.operations import Archive, Operations
from handler.tasks.base import Task
from handler.tasks.explanations import Explanations
from handler.tasks.hidden_states import HiddenStates
from handler.types import Row

EXPLAIN = "kserve/explanations"
"""What the adapter calls the routes that explain."""
PATHS = ("kserve", EXPLAIN, "vertex")
HEADER = "inference-header-content-length"


@dataclass(frozen=True, slots=True)
class V2:
    """What an answer in version 2 needs of its request; one in version 1 needs nothing.

    Attributes:
        id: the client's own, which the answer repeats.
        wanted: names of outputs, and whether each is wanted as bytes.
    """

    id: str
    wanted: Mapping[str, bool]


class KServe(Protocol):
    """Both versions."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """See `Protocol.decode`."""
        if row.path not in PATHS:
            raise UnknownTask(unknown("route", row.path, PATHS))
        raw, tail = split(row)
        fields = body.json(raw)
        if not isinstance(fields, dict):
            raise Invalid(f'the body is a {type(fields).__name__}; send an object with "instances" or "inputs"')
        infer: Infer | None = None
        arrays: dict[str, NDArray[Any]] = {}
        ignored: frozenset[str] = frozenset()
        if "instances" in fields:
            options, ignored = instances(fields)
        else:
            if "inputs" not in fields:
                raise Invalid('the body has neither "instances" (version 1) nor "inputs" (version 2); send one of them')
            infer, ignored = foreign.read(Infer, fields)
            arrays = inputs(infer.inputs, tail)
            options = {key: value for key, value in infer.parameters.items() if key != BINARY}
        tensor = named({name: arrays.pop(name) for name in ("task",) if name in arrays}).get("task")
        parameter = options.pop("task", None)
        task = choose(tasks, named_task(row, parameter if tensor is None else tensor) or default)
        given = named(arrays, task.takes_pairs)
        unknown_tensors(given, task)
        if infer is None:
            options = keyed(options, task.request)
        request, more = foreign.read(task.request, options | given)
        wire = None if infer is None else V2(infer.id, infer.wanted(output_names(task.name)))
        return Decoded(task, request, wire, ignored | more, "taken")

    def binary(self, call: Call) -> bool:
        """See `Protocol.binary`."""
        return call.protocol_state is not None and any(call.protocol_state.wanted.values())

    def encode(self, call: Call) -> EncodedBody:
        """Predictions, or tensors."""
        assert call.task is not None
        if call.protocol_state is None:
            answers = call.answer if takes_list(call.request) else [call.answer]
            return EncodedBody(dump({"explanations" if call.row.path == EXPLAIN else "predictions": answers}))
        model = call.task.model
        head = {"model_name": model.name, "model_version": model.version, "id": call.protocol_state.id}
        return encode_infer_response(head, outputs(call.task.name, call.answer), call.protocol_state.wanted)

    def encode_error(self, error: BertError) -> bytes:
        """Both versions' envelope."""
        return dump({"error": str(error)})

    def operations(self, archive: Archive) -> Operations:
        """See `Protocol.operations`."""
        return kserve_paths.operations(archive)


def split(row: Row) -> tuple[bytes, bytes]:
    """The JSON of a body, and the bytes of its tensors."""
    raw = body.whole(row)
    if raw is None:
        raise Invalid("the body came as a form; send JSON")
    length = row.headers.get(HEADER)
    if length is None:
        return bytes(raw), b""
    if not re.fullmatch("[0-9]{1,12}", length) or int(length) > len(raw):
        raise Undecodable(f"{HEADER} is {quote(length)}, the body has {len(raw)} bytes")
    return bytes(raw[: int(length)]), bytes(raw[int(length) :])


def named_task(row: Row, task: Any) -> str:
    """The task a request names, empty when it names none."""
    if not isinstance(task, str | None):
        raise Invalid(f'"task" is a {type(task).__name__}; send a string')
    if row.path != EXPLAIN:
        return task or ""
    if task not in (None, Explanations.name):
        raise Invalid(f'the path asks for {Explanations.name!r} and "task" for {quote(task or "")}; send one of them')
    return Explanations.name


def unknown_tensors(given: Mapping[str, Any], task: Task[Any]) -> None:
    """Refuse inputs that the model does not have, as servers of this protocol do; parameters they ignore."""
    known = task.request.__struct_fields__
    for name in given:
        if name not in known:
            raise Invalid(unknown("tensor", name, known))


def output_names(task: str) -> list[str]:
    """Names of the tensors of a task's answer."""
    key = task.replace("-", "_")
    return [key, "lengths"] if task == HiddenStates.name else [key]


def outputs(name: str, answer: Any) -> dict[str, NDArray[Any]]:
    """An answer as tensors: numbers as they are, states padded, with their lengths beside them, the rest as JSON."""
    key = name.replace("-", "_")
    if isinstance(answer, np.ndarray):
        return {key: answer}
    if isinstance(answer, list) and answer and isinstance(answer[0], np.ndarray):
        lengths = np.array([len(rows) for rows in answer], dtype=np.int64)
        block = np.zeros((len(answer), lengths.max(), answer[0].shape[1]), dtype=np.float32)
        for row, states in zip(block, answer, strict=True):
            row[: len(states)] = states
        return {key: block, "lengths": lengths}
    items = answer if isinstance(answer, list) else [answer]
    texts = np.empty(len(items), dtype=object)
    texts[:] = [item if isinstance(item, str) else dump(item).decode() for item in items]
    return {key: texts}


def encode_infer_response(
    head: dict[str, Any], arrays: Mapping[str, NDArray[Any]], wanted: Mapping[str, bool]
) -> EncodedBody:
    """The response, its tensors in JSON or behind it."""
    described: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for name, binary in wanted.items():
        array = arrays[name]
        item: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": tensors.datatype(array)}
        if binary:
            parts.append(tensors.pack(array))
            item["parameters"] = {tensors.SIZE: len(parts[-1])}
        else:
            item["data"] = array.ravel().tolist() if array.dtype == object else np.ascontiguousarray(array).ravel()
        described.append(item)
    text = dump({**head, "outputs": described})
    if not any(wanted.values()):
        return EncodedBody(text)
    return EncodedBody(b"".join([text, *parts]), OCTETS, {HEADER: str(len(text))})
