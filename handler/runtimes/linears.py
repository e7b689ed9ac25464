"""Linears of a layer, with the activation or the residual sum that follows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": torch.ops.aten.gelu_,
    "gelu_tanh": lambda values: torch.ops.aten.gelu_(values, approximate="tanh"),
    "relu": torch.relu_,
}
"""In place: a new array of `(tokens, 4 * hidden)` per layer would cost more than the function."""

FUSED = {"": ("none", ""), "gelu": ("gelu", "none"), "gelu_tanh": ("gelu", "tanh"), "relu": ("relu", "")}
"""The same for oneDNN: its operation, and which form of it."""


class Linear(Protocol):
    """One of them; made once, called for every batch."""

    def __call__(self, states: Tensor, residual: Tensor | None = None) -> Tensor:
        """`(tokens, in)` to `(tokens, out)`; `residual` has the shape of the result and is added."""


Kind = Callable[[Tensor, Tensor, str], Linear]
"""From a weight, `(in, out)`, a bias and the name of an activation, empty for none."""


class Plain:
    """torch's own product. `(in, out)` is as it lies in the file, and multiplies few rows faster than `(out, in)`."""

    def __init__(self, weight: Tensor, bias: Tensor, activation: str = "") -> None:
        self.weight, self.bias = weight, bias
        self.activate = ACTIVATIONS.get(activation)

    def __call__(self, states: Tensor, residual: Tensor | None = None) -> Tensor:
        """See `Linear`."""
        product = torch.addmm(self.bias, states, self.weight)
        if self.activate is not None:
            product = self.activate(product)
        return product if residual is None else product.add_(residual)


class Prepacked:
    """oneDNN's product, for bfloat16 on a CPU: the weight is rearranged once and not in every call."""

    def __init__(self, weight: Tensor, bias: Tensor, activation: str = "") -> None:
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.t().contiguous())
        self.bias = bias
        self.fused = FUSED[activation]

    def __call__(self, states: Tensor, residual: Tensor | None = None) -> Tensor:
        """See `Linear`."""
        call = torch.ops.mkldnn._linear_pointwise
        if residual is not None:
            return cast(Tensor, call.binary(states, residual, self.weight, self.bias, "add"))
        operation, form = self.fused
        return cast(Tensor, call(states, self.weight, self.bias, operation, [], form))


def choose(device: torch.device, dtype: torch.dtype) -> Kind:
    """The faster one there. In float32 `Plain` maps the file's own weights, which all workers share."""
    return Prepacked if device.type == "cpu" and dtype == torch.bfloat16 else Plain
