"""The arithmetic of a packed encoder that no implementation can leave out, by the shapes of its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from handler.encoders.description import Description, read

LINEARS = ("qkv", "out", "up", "down")
RELATIVE = ("relative_keys", "relative_queries")
"""What DeBERTa's attention has besides: https://arxiv.org/abs/2006.03654, section 3.1."""


class Work:
    """Counts operations; one multiply-add is two.

    Args:
        file: what the packer writes, see `handler.encoders.description`.
    """

    def __init__(self, file: Path) -> None:
        with safe_open(file, "np") as weights:
            self.encoder: Description = read(weights.metadata())
            names = set(weights.keys())
            linears = [f"layers.{layer}.{name}.weight" for layer in self.encoder.layers for name in LINEARS]
            self.linear = sum(2 * int(np.prod(weights.get_slice(name).get_shape())) for name in linears)
            if "projection.weight" in names:
                self.linear += 2 * int(np.prod(weights.get_slice("projection.weight").get_shape()))
            self.tables = sum(f"layers.{layer}.{name}" in names for layer in self.encoder.layers for name in RELATIVE)
            self.rows: NDArray[np.int64] = (
                weights.get_tensor("relative_rows").astype(np.int64) if self.tables else np.zeros(0, np.int64)
            )

    def flops(self, lengths: Sequence[int]) -> float:
        """For texts of these lengths in tokens; padding is none.

        `2 in out` of each linear and token; `4 H` of each pair of tokens that attention looks at, in each layer; and
        `2 H` of each token and each relative position that it has a key at, for each table of such positions.
        """
        return float(sum(self.linear * length + self.attention(length) + self.relative(length) for length in lengths))

    def attention(self, length: int) -> int:
        """Scores and what is summed by them."""
        windows = (self.encoder.window(place) for place in range(len(self.encoder.layers)))
        return 4 * self.encoder.hidden * sum(pairs(length, window) for window in windows)

    def relative(self, length: int) -> int:
        """Contents by relative positions, or the other way round."""
        if not self.tables:
            return 0
        farthest = len(self.rows) // 2
        distances = np.clip(np.arange(length) - np.arange(length)[:, None], -farthest, farthest) + farthest
        return 2 * self.encoder.hidden * self.tables * sum(len(set(row)) for row in self.rows[distances].tolist())


def pairs(length: int, window: int) -> int:
    """Of tokens that are at most `window` apart; 0 for all."""
    if not window or window >= length:
        return length * length
    return length * (2 * window + 1) - window * (window + 1)
