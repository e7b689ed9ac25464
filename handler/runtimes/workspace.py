"""Memory of the `native` runtime that is kept from batch to batch, as its kernels read and write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from handler.encoders.description import Description
from handler.kernels.structures import Layer, Model
from handler.runtimes import panels
from handler.runtimes.layers import angles


class Workspace:
    """Memory for what lies between the layers. It is kept: fresh pages would cost more than some of the steps."""

    def __init__(self, model: Model) -> None:
        widest = max(model.hidden, model.intermediate)
        self.floats = {
            "sums": max(model.hidden, model.embedding),
            "attended": model.hidden,
            "wide": max(3 * model.hidden, model.layer[0].up.outputs, model.embedding),
            "gated": model.intermediate if model.gated else 0,
        }
        """Per token."""
        small = bool(model.layer[0].qkv.scale)
        quantized = (-(-widest // panels.QUAD) * panels.QUAD, 4, 4) if small else (0, 0, 0)
        self.bytes = dict(zip(("quantized", "scales", "zero_points"), quantized, strict=True))
        """The same; nothing without 8-bit linears."""
        self.memory = np.empty(0, np.uint8)

    def reserve(self, tokens: int, scratch: int) -> list[int | None]:
        """Addresses of `sums` to `scratch` of `struct batch`, 64 bytes aligned; null for what has no size."""
        floats = [4 * width * tokens for width in self.floats.values()]
        sizes = [*floats, *(width * tokens for width in self.bytes.values()), 4 * scratch]
        ends = np.cumsum([-(-size // 64) * 64 for size in sizes])
        if len(self.memory) < ends[-1] + 64:
            self.memory = np.empty(ends[-1] + 64, np.uint8)
        first = -(-self.memory.ctypes.data // 64) * 64
        starts = [first, *(first + int(end) for end in ends[:-1])]
        return [start if size else None for start, size in zip(starts, sizes, strict=True)]


class Turns:
    """Cosines and sines of positions, `(positions, heads' size)`, for as many as the longest sequence yet has had."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], encoder: Description) -> None:
        self.numbers = encoder.rotary
        self.frequencies = {number: torch.from_numpy(arrays[f"rotary.{number}"]) for number in set(self.numbers)}
        self.tables: dict[int, NDArray[np.float32]] = {}
        self.reached = 0

    def reach(self, longest: int, layers: Iterable[Layer]) -> None:
        """Let the layers have them for so many positions."""
        if not self.numbers or longest <= self.reached:
            return
        self.reached = 1 << (longest - 1).bit_length()
        for number, frequencies in self.frequencies.items():
            parts = angles(frequencies, torch.arange(self.reached))
            self.tables[number] = torch.cat(parts, -1).flatten(1).numpy()
        for layer, number in zip(layers, self.numbers, strict=True):
            layer.turns = address(self.tables[number])


def address(array: NDArray[Any] | None) -> int | None:
    """Where an array's values are; null for none."""
    return None if array is None else array.ctypes.data
