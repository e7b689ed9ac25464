"""Vectors of an answer, and their cosines."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

READERS: dict[str, Callable[[Any], Vectors]] = {
    "float": lambda row: np.asarray(row, np.float32),
    "int8": lambda row: np.asarray(row, np.float32),
    "base64": lambda row: np.frombuffer(b64decode(row), "<f4"),
    "binary": lambda row: np.unpackbits((np.asarray(row, np.int16) + 128).astype(np.uint8)) * np.float32(2) - 1,
}
"""By `encoding_format`; signs come eight to a byte, which the server shifts by 128."""


def vectors(answer: list[Any], form: str = "float") -> Vectors:
    """`(vectors, dimensions)`, of every `encoding_format`."""
    return np.stack([READERS[form](row) for row in answer])


def cosines(one: Vectors, other: Vectors) -> Vectors:
    """`(vectors of one, vectors of the other)`."""
    return units(one) @ units(other).T


def units(given: Vectors) -> Vectors:
    """Scaled to length 1; zeros stay."""
    lengths = np.linalg.norm(given, axis=1, keepdims=True)
    return np.asarray(given / np.where(lengths, lengths, 1), np.float32)
