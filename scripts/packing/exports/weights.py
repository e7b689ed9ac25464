"""Tensors of a `safetensors` file, and where in the file they are.

Layout: https://huggingface.co/docs/safetensors, "Format": eight bytes with the header's length, the header as JSON with
each tensor's offsets behind it, the tensors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.encoders import description

DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype(np.float32), "I8": np.dtype(np.int8), "I32": np.dtype(np.int32)}


class Weights:
    """One file; `encoder` is what its metadata says."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            self.entries: dict[str, dict[str, Any]] = json.loads(stream.read(length))
        self.start = 8 + length
        self.encoder = description.read(self.entries.pop("__metadata__"))

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def dtype(self, name: str) -> np.dtype[Any]:
        """Of one tensor."""
        return DTYPES[self.entries[name]["dtype"]]

    def shape(self, name: str) -> list[int]:
        """Of one tensor."""
        return list(self.entries[name]["shape"])

    def byte_range(self, name: str) -> tuple[int, int]:
        """First byte in the file, and number of bytes."""
        begin, end = self.entries[name]["data_offsets"]
        return self.start + begin, end - begin

    def read(self, name: str) -> NDArray[Any]:
        """One tensor's values."""
        begin, length = self.byte_range(name)
        values = np.fromfile(self.file, self.dtype(name), length // self.dtype(name).itemsize, offset=begin)
        return values.reshape(self.shape(name))
