"""Weights of the linears in 8 bits, for the `native` and `onnx` runtimes with `dtype: int8`.

One scale per output column, and seven of the eight bits: without VNNI, a CPU adds pairs of products in 16 bits, which
two full-range weights would overflow (onnxruntime's documentation, "Quantize ONNX models", `reduce_range`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

LEVELS = 63


def quantize(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The linears of all layers as integers with a `.scale` beside each; tables, norms and pooler as they were.

    So is what attention has for relative positions: three dimensions, and no linear.
    """
    quantized: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.dim() != 2 or not name.startswith("layers."):
            quantized[name] = weight
            continue
        scale = weight.abs().amax(0).clamp(min=torch.finfo(torch.float32).tiny) / LEVELS
        quantized[name] = (weight / scale).round().clamp(-LEVELS, LEVELS).to(torch.int8)
        quantized[f"{name.removesuffix('weight')}scale"] = scale
    return quantized
