"""Tensors behind the JSON, written with numpy and struct from the text of the binary extension.

triton-inference-server/server, docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

HEADER = "Inference-Header-Content-Length"
SIZE = "binary_data_size"
DTYPES = {"BOOL": "?", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "u1", "UINT16": "<u2"}
DTYPES |= {"UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}


def packed(datatype: str, data: Any) -> bytes:
    """Little-endian values row by row, or texts each behind its length."""
    if datatype != "BYTES":
        return np.asarray(data, dtype=DTYPES[datatype]).tobytes()
    encoded = [text.encode() for text in np.asarray(data, dtype=object).ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)


def pack(body: Any, chosen: Sequence[bool]) -> tuple[Any, bytes]:
    """The body with the chosen tensors taken out, and these."""
    if not chosen:
        return body, b""
    inputs, tail = [], b""
    for tensor, out in zip(body["inputs"], chosen, strict=True):
        raw = packed(tensor["datatype"], tensor["data"]) if out else b""
        rest = {key: value for key, value in tensor.items() if key != "data"}
        inputs.append({**rest, "parameters": {**(rest.get("parameters") or {}), SIZE: len(raw)}} if out else tensor)
        tail += raw
    return {**body, "inputs": inputs}, tail


def unpack(body: Any, tail: bytes) -> Any:
    """The answer with its tensors in place."""
    for output in body["outputs"]:
        if "data" not in output:
            size = output["parameters"][SIZE]
            output["data"], tail = unpacked(output["datatype"], tail[:size]), tail[size:]
    if tail:
        raise ValueError(f"{len(tail)} bytes too many")
    return body


def unpacked(datatype: str, raw: bytes) -> list[Any]:
    """Values, or texts."""
    if datatype != "BYTES":
        return list(np.frombuffer(raw, DTYPES[datatype]).tolist())
    found: list[Any] = []
    while raw:
        (length,) = struct.unpack("<I", raw[:4])
        found.append(raw[4 : 4 + length].decode())
        raw = raw[4 + length :]
    return found
