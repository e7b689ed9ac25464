"""A `safetensors` file written tensor by tensor, so that no more than one is in memory.

The format: https://github.com/huggingface/safetensors#format. The library's own writers take all tensors at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 8


def write(file: Path, shapes: Mapping[str, tuple[int, ...]], read: Callable[[str], NDArray[np.float32]]) -> None:
    """Write float32 tensors.

    Args:
        file: to write.
        shapes: of the tensors, in the order in which they will lie.
        read: gives the tensor of a name.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % ALIGNMENT)
    with file.open("wb") as stream:
        stream.write(len(encoded).to_bytes(8, "little") + encoded)
        for name, shape in shapes.items():
            tensor = np.ascontiguousarray(read(name), "<f4")
            assert tensor.shape == shape
            stream.write(tensor.data)
