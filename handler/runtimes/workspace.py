"""Memory of the `native` runtime that is kept from batch to batch, as its kernels read and write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from handler.encoders.description import Description
from handler.kernels.structures import DTYPES, Layer, Model
from handler.runtimes import panels
from handler.runtimes.layers import angles

LINE = 64
"""Bytes of a line of the cache, and what a row may have behind it."""


class Workspace:
    """Memory for what lies between the layers. It is kept: fresh pages would cost more than some of the steps."""

    def __init__(self, model: Model) -> None:
        floats = (
            max(model.hidden, model.embedding),
            model.hidden,
            max(model.layer[0].qkv.outputs, model.layer[0].up.outputs, model.embedding),
            model.intermediate if model.gated else 0,
        )  # sums, attended, wide, gated: per token
        widest = -(-max(model.hidden, model.intermediate) // panels.QUAD) * panels.QUAD
        dtype = model.layer[0].qkv.dtype
        small = (widest + LINE, 4, 4) if dtype == DTYPES["int8"] else (0, 0, 0)  # quantized, scales, zero points
        halves = 2 * widest + LINE if dtype == DTYPES["uint16"] else 0
        self.widths = (*(4 * width + LINE if width else 0 for width in floats), *small, halves)
        self.memory = np.empty(0, np.uint8)

    def reserve(self, tokens: int, scratch: int) -> list[int | None]:
        """Addresses of `sums` to `scratch` of `struct batch`, aligned to lines; null for what has no size."""
        starts: list[int | None] = []
        end = LINE
        for size in (*(width * tokens for width in self.widths), 4 * scratch):
            starts.append(end if size else None)
            end += -(-size // LINE) * LINE
        if len(self.memory) < end:
            self.memory = np.empty(end, np.uint8)
        before = self.memory.ctypes.data // LINE * LINE
        return [None if start is None else before + start for start in starts]


def rows(count: int, size: int) -> NDArray[np.float32]:
    """Rows of floats as apart as the kernels write them; see `row_bytes` of `vectors.h`."""
    return np.empty((count, size if size % 1024 else size + LINE // 4), np.float32)


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


class Distances:
    """Relative positions by distance, for those of the longest sequence yet; all beyond the farthest are one."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.rows = arrays.get("relative_rows")
        self.reached = 0

    def reach(self, longest: int, model: Model) -> None:
        """Let the model have them for so many tokens; its pointer is to that of distance 0."""
        if self.rows is None or longest <= self.reached:
            return
        self.rows = np.pad(self.rows, max(0, longest - 1 - len(self.rows) // 2), "edge")
        self.reached = len(self.rows) // 2 + 1
        model.relative_rows = address(self.rows[len(self.rows) // 2 :])


def address(array: NDArray[Any] | None) -> int | None:
    """Where an array's values are; null for none."""
    return None if array is None else array.ctypes.data
