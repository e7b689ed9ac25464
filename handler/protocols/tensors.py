"""Tensors of the Open Inference Protocol, as JSON and in its binary extension.

Specifications: https://github.com/kserve/open-inference-protocol,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from handler.errors import Invalid, Undecodable

Datatype = Literal[
    "BYTES",
    "BOOL",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "FP16",
    "FP32",
    "FP64",
]
DTYPES: dict[str, str] = {
    "INT64": "<i8",
    "INT32": "<i4",
    "INT16": "<i2",
    "INT8": "|i1",
    "UINT64": "<u8",
    "UINT32": "<u4",
    "UINT16": "<u2",
    "UINT8": "|u1",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BOOL": "|b1",
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
NUMBER = (int, float)
DATATYPES: dict[str, tuple[type, ...]] = {
    "BYTES": (str,),
    "BOOL": (bool,),
    "FP16": NUMBER,
    "FP32": NUMBER,
    "FP64": NUMBER,
}
"""Of values in JSON, where they are not whole numbers."""
SIZE = "binary_data_size"
LENGTH = 4  # bytes before each string


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """Of an input."""

    binary_data_size: Annotated[int, Meta(ge=0)] = 0


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """An input."""

    name: Annotated[str, Meta(examples=["text"])]
    shape: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(examples=[[2]])]
    datatype: Annotated[Datatype, Meta(examples=["BYTES"])]
    data: Annotated[list[Any] | None, Meta(description="row by row, nested or flat", examples=[["Hello", "Bye"]])] = (
        None
    )
    parameters: Parameters = Parameters()


def values(tensor: Tensor, binary: bytes) -> Any:
    """A string array or a numeric one, in the tensor's shape.

    Args:
        tensor: as it was sent.
        binary: its bytes, where it has no `data`.

    Raises:
        Invalid: the number of values is not what the shape says, or they are of another kind.
        Undecodable: the bytes end in the middle of a value, or are not UTF-8.
    """
    count = prod(tensor.shape)
    if tensor.data is None:
        found = strings(binary) if tensor.datatype == "BYTES" else numbers(tensor, binary)
    else:
        found = flat(tensor)
    if len(found) != count:
        raise Invalid(f"tensor {tensor.name!r} has {len(found)} values, its shape {tensor.shape} says {count}")
    array: NDArray[Any] = np.empty(count, dtype=DTYPES.get(tensor.datatype, object))
    try:
        array[:] = found
    except OverflowError:
        raise Invalid(f"tensor {tensor.name!r} holds a number that is no {tensor.datatype}") from None
    try:
        return array.reshape(tensor.shape)
    except ValueError as error:
        raise Invalid(f"tensor {tensor.name!r} cannot have the shape it names: {error}") from None


def flat(tensor: Tensor) -> list[Any]:
    """JSON data without its nesting."""
    found: list[Any] = list(tensor.data or [])
    while found and any(isinstance(item, list) for item in found):
        if not all(isinstance(item, list) for item in found):
            raise Invalid(f"tensor {tensor.name!r} mixes lists and values")
        found = [inner for item in found for inner in item]
    types = DATATYPES.get(tensor.datatype, (int,))
    for item in found:
        if not isinstance(item, types) or (isinstance(item, bool) and tensor.datatype != "BOOL"):
            raise Invalid(f"tensor {tensor.name!r} is {tensor.datatype} and holds a {type(item).__name__}")
    return found


def numbers(tensor: Tensor, binary: bytes) -> NDArray[Any]:
    """Little-endian values."""
    dtype = np.dtype(DTYPES[tensor.datatype])
    if len(binary) % dtype.itemsize:
        raise Undecodable(f"tensor {tensor.name!r} has {len(binary)} bytes, no multiple of {dtype.itemsize}")
    return np.frombuffer(binary, dtype)


def strings(binary: bytes) -> list[str]:
    """Each behind its length."""
    found, start = [], 0
    while start < len(binary):
        length = int.from_bytes(binary[start : start + LENGTH], "little")
        stop = start + LENGTH + length
        if stop > len(binary):
            raise Undecodable(f"a string of {length} bytes ends beyond its tensor's {len(binary)}")
        try:
            found.append(binary[start + LENGTH : stop].decode())
        except UnicodeDecodeError:
            raise Undecodable("a string of a binary tensor is not UTF-8") from None
        start = stop
    return found


def pack(array: NDArray[Any]) -> bytes:
    """The binary form."""
    if array.dtype == object:
        encoded = [str(item).encode() for item in array.ravel()]
        return b"".join(len(item).to_bytes(LENGTH, "little") + item for item in encoded)
    return np.ascontiguousarray(array).tobytes()


def datatype(array: NDArray[Any]) -> str:
    """The protocol's name of a type."""
    return "BYTES" if array.dtype == object else NAMES[array.dtype.newbyteorder("<").str]
