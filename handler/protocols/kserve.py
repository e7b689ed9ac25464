"""KServe's protocols: version 1 at `/v1/models/{model}:predict`, and version 2 at `/v2/models/{model}/infer`.

The second is the Open Inference Protocol (https://github.com/kserve/open-inference-protocol). TorchServe hands over
both without saying which: a body with `instances` is version 1. `:explain` and `/explain` ask for `explanations`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from handler.call import Call
from handler.errors import BertError, Invalid, Undecodable, quote, unknown
from handler.protocols import body, foreign, tensors
from handler.protocols.base import Decoded, EncodedBody, Protocol, Tasks, choose, dump
from handler.protocols.tensors import Tensor
from handler.tasks import TASKS
from handler.tasks.base import Task
from handler.tasks.explanations import Explanations
from handler.tasks.hidden_states import HiddenStates
from handler.tasks.inputs import parse
from handler.types import Row

EXPLAIN = "kserve/explanations"
"""What the adapter calls the routes that explain."""
HEADER = "inference-header-content-length"
LISTS = frozenset().union(*(foreign.lists(task.request) for task in TASKS.values()))
"""Keys whose value stays a list when a tensor has one element."""
ROWS = "ids"
"""The key whose rows are lists."""
IDS, MASK = "input_ids", "attention_mask"
BINARY = "binary_data_output"


class Instances(msgspec.Struct, frozen=True, kw_only=True):
    """Body of version 1; other keys are the task's."""

    instances: Annotated[list[Any], Meta(description="texts, or whatever the task's inputs are", examples=[["Hello"]])]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of an output."""

    binary_data: bool | None = None


class RequestedOutput(msgspec.Struct, frozen=True, kw_only=True):
    """An output the client asks for."""

    name: str = ""
    parameters: Wanted = Wanted()


class Infer(msgspec.Struct, frozen=True, kw_only=True):
    """Body of version 2."""

    inputs: list[Tensor]
    id: str = ""
    model_name: Annotated[str, Meta(description="not read; the archive is chosen by the path")] = ""
    model_version: Annotated[str | None, Meta(description="not read")] = None
    parameters: Annotated[
        dict[str, Any], Meta(description="the task and its keys", examples=[{"task": "embedding"}])
    ] = {}
    outputs: list[RequestedOutput] = []

    def wanted(self, names: Collection[str]) -> dict[str, bool]:
        """The outputs the client asks for, all if it names none, and whether each is wanted as bytes."""
        if (binary := self.parameters.get(BINARY)) not in (True, False, None):
            raise Invalid(f"{BINARY} is a {type(binary).__name__}; send true or false")
        asked = {output.name: output.parameters.binary_data for output in self.outputs}
        for name in asked:
            if name not in names:
                raise Invalid(unknown("output", name, names))
        return {name: bool(binary if own is None else own) for name, own in (asked or dict.fromkeys(names)).items()}


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
        raw, tail = split(row)
        fields = body.json(raw)
        if not isinstance(fields, dict):
            raise Invalid(f'the body is a {type(fields).__name__}; send an object with "instances" or "inputs"')
        infer: Infer | None = None
        given: dict[str, Any] = {}
        ignored: frozenset[str] = frozenset()
        if "instances" in fields:
            options = instances(fields)
        else:
            infer, ignored = foreign.read(Infer, fields)
            given = inputs(infer, tail)
            options = {key: value for key, value in infer.parameters.items() if key != BINARY}
        tensor, parameter = given.pop("task", None), options.pop("task", None)
        task = choose(tasks, named_task(row, parameter if tensor is None else tensor) or default)
        unknown_tensors(given, task)
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
            return EncodedBody(dump({"explanations" if call.row.path == EXPLAIN else "predictions": call.answer}))
        model = call.task.model
        head = {"model_name": model.name, "model_version": model.version, "id": call.protocol_state.id}
        return encode_infer_response(head, outputs(call.task.name, call.answer), call.protocol_state.wanted)

    def encode_error(self, error: BertError) -> bytes:
        """Both versions' envelope."""
        return dump({"error": str(error)})


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


def instances(fields: dict[str, Any]) -> dict[str, Any]:
    """Instances that are objects of one text are that text."""
    rest = {key: value for key, value in fields.items() if key not in ("instances", "signature_name")}
    if rest.get("inputs") is not None:
        raise Invalid('"instances" and "inputs" are two names of one key; send one of them')
    listed = parse(Instances, {"instances": fields["instances"]}).instances
    return foreign.merged(rest) | {"inputs": [unwrap(item) for item in listed]}


def unwrap(item: Any) -> Any:
    """`{"text": "..."}`, `{"data": "..."}` and `{"inputs": "..."}` are their text."""
    if isinstance(item, dict) and len(item) == 1:
        return next((item[key] for key in ("text", "data", "inputs") if key in item), item)
    return item


def inputs(wanted: Infer, tail: bytes) -> dict[str, Any]:
    """Tensors as a task's keys."""
    arrays: dict[str, NDArray[Any]] = {}
    start = 0
    for tensor in wanted.inputs:
        if tensor.name in arrays:
            raise Invalid(f"there are two tensors {tensor.name!r}; send one")
        size = tensor.parameters.binary_data_size
        if start + size > len(tail):
            raise Undecodable(f"tensor {tensor.name!r} has {size} bytes, {len(tail) - start} are left of the body")
        arrays[tensor.name] = tensors.values(tensor, tail[start : start + size])
        start += size
    if start < len(tail):
        raise Undecodable(f"{len(tail) - start} bytes follow the last tensor; {tensors.SIZE} says how many each has")
    texts = sorted(arrays.keys() & {"text", "inputs", IDS})
    if len(texts) > 1:
        raise Invalid(f"{' and '.join(texts)} are names of one input; send one of them")
    return named(arrays)


def unknown_tensors(given: Mapping[str, Any], task: Task[Any]) -> None:
    """Refuse inputs that the model does not have, as servers of this protocol do; parameters they ignore."""
    known = task.request.__struct_fields__
    for name in given:
        if name not in known:
            raise Invalid(unknown("tensor", name, known))


def named(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """`text` and `input_ids` are inputs; a single value of another key is not a list."""
    found: dict[str, Any] = {}
    for name, array in arrays.items():
        if name == IDS and array.dtype.kind not in "iu":
            raise Invalid(f"{IDS} must be an integer tensor; send INT64")
        if name == IDS:
            found["inputs"] = token_ids(array, arrays.get(MASK))
        elif name not in (MASK, "token_type_ids"):
            key = "inputs" if name == "text" else name
            listed = np.atleast_1d(array if key == ROWS else array.ravel()).tolist()
            found[key] = listed[0] if len(listed) == 1 and key not in LISTS else listed
    return found


def token_ids(ids: NDArray[Any], mask: NDArray[Any] | None) -> list[list[int]]:
    """Rows without their padding."""
    rows = np.atleast_2d(ids)
    if mask is not None and mask.dtype.kind not in "iub":
        raise Invalid(f"{MASK} must be an integer tensor; send INT64")
    kept = np.ones_like(rows, dtype=bool) if mask is None else np.atleast_2d(mask).astype(bool)
    if kept.shape != rows.shape:
        raise Invalid(f"{IDS} has the shape {list(rows.shape)} and {MASK} {list(kept.shape)}; they must be equal")
    return [row[keep].astype(int).tolist() for row, keep in zip(rows, kept, strict=True)]


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
    return EncodedBody(b"".join([text, *parts]), "application/octet-stream", {HEADER: str(len(text))})
