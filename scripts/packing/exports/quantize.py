"""Weights of the linears in 8 bits, for the `native` and `onnx` runtimes with `dtype: int8`.

One scale per output column, and levels chosen by what the inputs look like (`rounding.py`). Seven of the eight bits:
without VNNI, a CPU adds pairs of products in 16 bits, which two full-range weights would overflow (onnxruntime's
documentation, "Quantize ONNX models", `reduce_range`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from scripts.packing.exports.calibration import Inputs
from scripts.packing.exports.rounding import round_to_levels

LEVELS = 63
TINY = torch.finfo(torch.float32).tiny
SMOOTHED = ("qkv", "up")
"""Linears that read normalised states, a few of which are far larger than the others in every token."""
SHARE = 0.5
"""Of an input's range that its weights take over; the `alpha` of SmoothQuant."""


def quantize(weights: Mapping[str, Tensor], inputs: Mapping[str, Inputs]) -> dict[str, Tensor]:
    """The linears of all layers as integers with a `.scale` beside each; tables, norms and pooler as they were.

    So is what attention has for relative positions: three dimensions, and no linear.

    Args:
        weights: in float32.
        inputs: of each linear of a layer, by its name.
    """
    quantized: dict[str, Tensor] = {}
    for name, weight in weights.items():
        linear = name.removesuffix(".weight")
        if name == linear or linear not in inputs:
            quantized[name] = weight
            continue
        found, smooth = inputs[linear], torch.ones(len(weight))
        if linear.endswith(SMOOTHED):
            smooth = quantized[f"{linear}.smooth"] = smoothing(weight, found.largest)
        rows = weight / smooth[:, None]
        scale = rows.abs().amax(0).clamp(min=TINY) / LEVELS
        whole = round_to_levels(rows, scale, found.products * smooth * smooth[:, None], LEVELS)
        quantized |= {name: whole.to(torch.int8), f"{linear}.scale": scale}
    return quantized


def smoothing(weight: Tensor, largest: Tensor) -> Tensor:
    """`(in,)` what an input is multiplied by before it is quantized, and its weights are divided by.

    SmoothQuant (https://arxiv.org/abs/2211.10438, equation 4).
    """
    weighed = weight.abs().amax(1)
    least = 1e-3 * torch.stack([largest, weighed]).amax(1, keepdim=True).clamp(min=TINY)
    largest, weighed = torch.maximum(torch.stack([largest, weighed]), least)
    smooth = weighed ** (1 - SHARE) / largest**SHARE
    return torch.div(smooth, smooth.median())
