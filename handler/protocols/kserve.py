"""KServe's protocols: version 1 at `/v1/models/{model}:predict`, and version 2 at `/v2/models/{model}/infer`.

The second is the Open Inference Protocol (https://github.com/kserve/open-inference-protocol). TorchServe hands over
both without saying which: a body with `instances` is version 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import orjson
from msgspec import Meta
from numpy.typing import NDArray

from handler.call import Call
from handler.errors import BertError, Invalid, Undecodable, quote, unknown
from handler.protocols import body, foreign, tensors
from handler.protocols.base import Decoded, EncodedBody, Protocol, Tasks, choose, dump
from handler.protocols.tensors import Tensor
from handler.tasks.base import Task
from handler.tasks.inputs import parse
from handler.types import Row

HEADER = "inference-header-content-length"
LISTS = ("inputs", "texts", "sentences", "targets", "ignore_labels")
"""Keys whose value stays a list when a tensor has one element."""
IDS, MASK = "input_ids", "attention_mask"
BINARY_OUTPUT = "binary_data_output"


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

    @property
    def binary(self) -> bool:
        """Whether outputs are wanted as bytes."""
        asked = [output.parameters.binary_data for output in self.outputs]
        return bool(self.parameters.get(BINARY_OUTPUT)) or any(asked)


@dataclass(frozen=True, slots=True)
class V2:
    """What an answer in version 2 needs of its request; one in version 1 needs nothing."""

    id: str
    binary: bool


class KServe(Protocol):
    """Both versions."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """See `Protocol.decode`."""
        raw, tail = split(row)
        fields = body.json(raw)
        if not isinstance(fields, dict):
            raise Invalid(f'the body is a {type(fields).__name__}; send an object with "instances" or "inputs"')
        wire: V2 | None = None
        given: dict[str, Any] = {}
        ignored: frozenset[str] = frozenset()
        if "instances" in fields:
            options = instances(fields)
        else:
            wanted, ignored = foreign.read(Infer, fields)
            wire, given = V2(wanted.id, wanted.binary), inputs(wanted, tail)
            options = {key: value for key, value in wanted.parameters.items() if key != BINARY_OUTPUT}
        named, inner = given.pop("task", None), options.pop("task", None)
        task = choose(tasks, str(next((name for name in (named, inner) if name is not None), default)))
        unknown_tensors(given, task)
        request, more = foreign.read(task.request, options | given)
        return Decoded(task, request, wire, ignored | more, "taken")

    def binary(self, call: Call) -> bool:
        """See `Protocol.binary`."""
        return call.protocol_state is not None and call.protocol_state.binary

    def encode(self, call: Call) -> EncodedBody:
        """Predictions, or tensors."""
        assert call.task is not None
        if call.protocol_state is None:
            return EncodedBody(dump({"predictions": call.answer}))
        model = call.task.model
        head = {"model_name": model.name, "model_version": model.version, "id": call.protocol_state.id}
        return encode_infer_response(head, outputs(call.task.name, call.answer), call.protocol_state.binary)

    def encode_error(self, error: BertError) -> bytes:
        """Both versions' envelope."""
        return dump({"error": str(error)})


def split(row: Row) -> tuple[bytes, bytes]:
    """The JSON of a body, and the bytes of its tensors."""
    raw = body.single_field(row.fields)
    if not isinstance(raw, bytes | bytearray):
        raw = orjson.dumps(raw)
    length = row.headers.get(HEADER)
    if length is None:
        return bytes(raw), b""
    if not re.fullmatch("[0-9]{1,12}", length) or int(length) > len(raw):
        raise Undecodable(f"{HEADER} is {quote(length)}, the body has {len(raw)} bytes")
    return bytes(raw[: int(length)]), bytes(raw[int(length) :])


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
            listed = array.ravel().tolist()
            found[key] = listed[0] if len(listed) == 1 and key not in LISTS else listed
    return found


def token_ids(ids: NDArray[Any], mask: NDArray[Any] | None) -> list[list[int]]:
    """Rows without their padding."""
    rows = np.atleast_2d(ids)
    kept = np.ones_like(rows, dtype=bool) if mask is None else np.atleast_2d(mask).astype(bool)
    if kept.shape != rows.shape:
        raise Invalid(f"{IDS} has the shape {list(rows.shape)} and {MASK} {list(kept.shape)}; they must be equal")
    return [row[keep].astype(int).tolist() for row, keep in zip(rows, kept, strict=True)]


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


def encode_infer_response(head: dict[str, Any], arrays: Mapping[str, NDArray[Any]], binary: bool) -> EncodedBody:
    """The response, its tensors in JSON or behind it."""
    described: list[dict[str, Any]] = [
        {"name": name, "shape": list(array.shape), "datatype": tensors.datatype(array)}
        for name, array in arrays.items()
    ]
    if not binary:
        for item, array in zip(described, arrays.values(), strict=True):
            item["data"] = array.ravel().tolist() if array.dtype == object else np.ascontiguousarray(array).ravel()
        return EncodedBody(dump({**head, "outputs": described}))
    parts = [tensors.pack(array) for array in arrays.values()]
    for item, part in zip(described, parts, strict=True):
        item["parameters"] = {tensors.SIZE: len(part)}
    text = dump({**head, "outputs": described})
    return EncodedBody(b"".join([text, *parts]), "application/octet-stream", {HEADER: str(len(text))})
