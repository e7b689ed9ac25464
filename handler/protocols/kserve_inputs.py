"""What KServe's clients send, instances or tensors, as a task's keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from handler.errors import Invalid, Undecodable
from handler.protocols import foreign, tensors
from handler.protocols.tensors import Tensor
from handler.tasks import TASKS
from handler.tasks.inputs import parse

LISTS = frozenset().union(*(foreign.lists(task.request) for task in TASKS.values()))
"""Keys whose value stays a list when a tensor has one element."""
ROWS = "ids"
"""The key whose rows are lists."""
IDS, MASK = "input_ids", "attention_mask"
TEXT = ("text", "data", "inputs")
"""Names of texts."""


class Instances(msgspec.Struct, frozen=True, kw_only=True):
    """Body of version 1; other keys are the task's."""

    instances: Annotated[list[Any], Meta(description="texts, or whatever the task's inputs are", examples=[["Hello"]])]


def instances(fields: dict[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """A task's keys, and those that were ignored: what stands beside the text of an instance."""
    rest = {key: value for key, value in fields.items() if key not in ("instances", "signature_name")}
    if rest.get("inputs") is not None:
        raise Invalid('"instances" and "inputs" are two names of one key; send one of them')
    unwrapped = [unwrap(item) for item in parse(Instances, {"instances": fields["instances"]}).instances]
    ignored = frozenset(f"instances.{key}" for _, others in unwrapped for key in others)
    return foreign.merged(rest) | {"inputs": [item for item, _ in unwrapped]}, ignored


def takes_list(request: Any) -> bool:
    """Whether a task's request has a list of inputs, one for each instance; that of `rerank` is a query with texts."""
    return hasattr(request, "inputs")


def keyed(options: dict[str, Any], request: type[msgspec.Struct]) -> dict[str, Any]:
    """The keys of the one instance of a task that takes no list among the others.

    Raises:
        Invalid: there are several.
    """
    sent: list[Any] = options.get("inputs") or []
    if takes_list(request) or not all(isinstance(item, dict) for item in sent):
        return options
    if len(sent) > 1:
        raise Invalid(f"this task takes one instance in a request, and there are {len(sent)}; send a request for each")
    own: dict[str, Any] = sent[0] if sent else {}
    return {key: value for key, value in options.items() if key != "inputs"} | own


def unwrap(item: Any) -> tuple[Any, list[str]]:
    """The text of `{"text": "..."}`, `{"data": "..."}` or `{"inputs": "..."}`, and the other keys."""
    name = next((key for key in TEXT if key in item), None) if isinstance(item, dict) else None
    if name is None or "text_pair" in item:
        return item, []
    return item[name], [key for key in item if key != name]


def inputs(sent: Sequence[Tensor], tail: bytes) -> dict[str, NDArray[Any]]:
    """Values of tensors, by name."""
    arrays: dict[str, NDArray[Any]] = {}
    start = 0
    for tensor in sent:
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
    return arrays


def named(arrays: Mapping[str, NDArray[Any]], pairs: bool = False) -> dict[str, Any]:
    """`text` and `input_ids` are inputs, of a task with pairs or without; a single value of another key is no list."""
    found: dict[str, Any] = {}
    arrays = paired(arrays) if pairs else arrays
    for name, array in arrays.items():
        if name == IDS and array.dtype.kind not in "iu":
            raise Invalid(f"{IDS} must be an integer tensor; send INT64")
        if name == IDS:
            found["inputs"] = token_ids(array, arrays.get(MASK))
        elif name not in (MASK, "token_type_ids"):
            key = "inputs" if name == "text" else name
            rows = key == ROWS or (pairs and key == "inputs")
            listed = np.atleast_1d(array if rows else array.ravel()).tolist()
            found[key] = listed[0] if len(listed) == 1 and key not in LISTS else listed
    return found


def paired(arrays: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Texts as `(texts,)`, and pairs, whose second text may be a tensor of its own, as `(pairs, 2)`.

    Raises:
        Invalid: not as many second texts as first ones.
    """
    name = next((key for key in TEXT if key in arrays), None)
    if name is None:
        return arrays
    texts, second = arrays[name], arrays.get("text_pair")
    if second is not None:
        if texts.size != second.size:
            raise Invalid(f"{name} has {texts.size} texts and text_pair {second.size}; send as many of each")
        texts = np.stack([texts.ravel(), second.ravel()], axis=1)
    else:
        texts = texts.reshape(-1, 2) if texts.ndim > 1 and texts.shape[-1] == 2 else texts.ravel()
    return {key: value for key, value in arrays.items() if key != "text_pair"} | {name: texts}


def token_ids(ids: NDArray[Any], mask: NDArray[Any] | None) -> list[list[int]]:
    """Rows without their padding."""
    rows = np.atleast_2d(ids)
    if mask is not None and mask.dtype.kind not in "iub":
        raise Invalid(f"{MASK} must be an integer tensor; send INT64")
    kept = np.ones_like(rows, dtype=bool) if mask is None else np.atleast_2d(mask).astype(bool)
    if kept.shape != rows.shape:
        raise Invalid(f"{IDS} has the shape {list(rows.shape)} and {MASK} {list(kept.shape)}; they must be equal")
    return [row[keep].astype(int).tolist() for row, keep in zip(rows, kept, strict=True)]
