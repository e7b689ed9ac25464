"""Answers that are numbers, as bytes instead of JSON: `Accept: application/octet-stream` or `application/x-npy`.

Hidden states and vectors of tokens differ in length from text to text: their rows follow one another,
`(all tokens, hidden)`, and the header `x-lengths` says how many belong to each text.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.errors import NotAcceptable
from handler.protocols.base import EncodedBody
from handler.tasks.base import Task
from handler.types import Row


def raw(array: NDArray[Any]) -> bytes:
    """Row by row, little-endian."""
    return array.tobytes()


def npy(array: NDArray[Any]) -> bytes:
    """What `numpy.save` writes, version 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


FORMATS: dict[str, Callable[[NDArray[Any]], bytes]] = {"application/octet-stream": raw, "application/x-npy": npy}


def wanted(row: Row, task: Task[Any]) -> str | None:
    """The media type of `FORMATS` that the client asks for.

    Raises:
        NotAcceptable: the task's answer is no array.
    """
    kind = row.headers.get("accept", "").split(",")[0].split(";")[0].strip().lower()
    if kind not in FORMATS:
        return None
    if not task.numeric:
        raise NotAcceptable(f"{task.name} answers JSON; {kind} is for tasks whose answer is an array")
    return kind


def encode(answer: Any, kind: str) -> EncodedBody:
    """An array, or a list of arrays that differ in their first dimension, as bytes."""
    headers = {}
    if isinstance(answer, list):
        if isinstance(answer[0], str) or isinstance(answer[0][0], str):
            raise NotAcceptable(f'base64 is text and {kind} is not; leave "encoding_format" out')
        headers["x-lengths"] = ",".join(str(len(rows)) for rows in answer)
        answer = np.concatenate(answer)
        if answer.dtype.kind == "f":
            answer = answer.astype("<f4", copy=False)
    array = np.ascontiguousarray(answer)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    headers |= {"x-shape": ",".join(map(str, array.shape)), "x-dtype": array.dtype.name}
    return EncodedBody(FORMATS[kind](array), kind, headers)
