"""Linears of a layer, with the activation or the residual sum that follows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, cast

import torch
from torch import Tensor

from handler.activations import ACTIVATIONS
from handler.encoders.description import Description


class Linear(Protocol):
    """One of them; made once, called for every batch."""

    def __call__(self, states: Tensor, residual: Tensor | None = None) -> Tensor:
        """`(tokens, in)` to `(tokens, out)`; `residual` has the shape of the result and is added."""


Kind = Callable[[Tensor, Tensor, str], Linear]
"""From a weight, `(in, out)`, a bias and the name of an activation."""


class AddmmLinear:
    """torch's own product. `(in, out)` is as it lies in the file, and multiplies few rows faster than `(out, in)`."""

    def __init__(self, weight: Tensor, bias: Tensor, activation: str = "none") -> None:
        self.weight, self.bias = weight, bias
        self.activate = ACTIVATIONS[activation].in_place

    def __call__(self, states: Tensor, residual: Tensor | None = None) -> Tensor:
        """See `Linear`."""
        product = self.activate(torch.addmm(self.bias, states, self.weight))
        return product if residual is None else product.add_(residual)


class OneDnnLinear:
    """oneDNN's product, for bfloat16 on a CPU: the weight is rearranged once and not in every call."""

    def __init__(self, weight: Tensor, bias: Tensor, activation: str = "none") -> None:
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.t().contiguous())
        self.bias = bias
        self.operation, self.form = ACTIVATIONS[activation].onednn or ("none", "")
        self.activate = ACTIVATIONS["none" if ACTIVATIONS[activation].onednn else activation].in_place

    def __call__(self, states: Tensor, residual: Tensor | None = None) -> Tensor:
        """See `Linear`."""
        call = torch.ops.mkldnn._linear_pointwise
        if residual is not None:
            return cast(Tensor, call.binary(states, residual, self.weight, self.bias, "add"))
        return self.activate(cast(Tensor, call(states, self.weight, self.bias, self.operation, [], self.form)))


class EpilogueLinear:
    """cuBLAS's product and what follows it in one kernel: the activation, or the residual sum, in the residual's place.

    A residual that is given holds the bias already; see `fold_residual_biases`. GELU in a kernel is its tanh form,
    4.7e-4 from the exact one at most. Beside bfloat16's rounding that is nothing; in float16 it would more than double
    the difference to float32, so that there exact GELU is a kernel of its own.
    """

    def __init__(self, weight: Tensor, bias: Tensor, activation: str = "none") -> None:
        self.weight, self.bias = weight, bias
        apart = activation == "gelu" and weight.dtype != torch.bfloat16
        self.within = None if apart else ACTIVATIONS[activation].cublas
        self.activate = ACTIVATIONS["none" if self.within is not None else activation].in_place

    def __call__(self, states: Tensor, residual: Tensor | None = None) -> Tensor:
        """See `Linear`; the result is `residual`'s memory."""
        if residual is not None:
            return residual.addmm_(states, self.weight)
        if self.within is not None:
            return torch._addmm_activation(self.bias, states, self.weight, use_gelu=self.within)
        return self.activate(torch.addmm(self.bias, states, self.weight))


def fold_residual_biases(weights: Mapping[str, Tensor], encoder: Description) -> dict[str, Tensor]:
    """Biases under which every residual holds the bias of the product that will be added to it.

    The normalisation before it, or the projection of the embeddings, adds that bias, and what else reads the states
    takes it off again: `W (x + b) - W b = W x`.

    Args:
        weights: tensors of `WEIGHTS`, float32.
        encoder: whose layers have weights of their own each.
    """
    found: dict[str, Tensor] = {}
    read = weights.__getitem__
    norm = "projection" if "projection.bias" in weights and not encoder.norm_projected else "norm"
    for number in encoder.layers:
        layer = f"layers.{number}."
        for added, reader, following in (("out", "qkv", "norm1"), ("down", "up", "norm2")):
            bias = read(f"{layer}{added}.bias")
            found[f"{norm}.bias"] = read(f"{norm}.bias") + bias
            found[f"{layer}{reader}.bias"] = read(f"{layer}{reader}.bias") - bias @ read(f"{layer}{reader}.weight")
            norm = f"{layer}{following}"
    return found


def choose(device: torch.device, dtype: torch.dtype, encoder: Description) -> Kind:
    """The fastest one there. In float32 `AddmmLinear` maps the file's own weights, which all workers share.

    `EpilogueLinear` needs a normalisation before each residual, of the layer's own.
    """
    if dtype == torch.float32:
        return AddmmLinear
    if device.type == "cpu":
        return OneDnnLinear
    return AddmmLinear if encoder.norm_first or encoder.stored < len(encoder.layers) else EpilogueLinear
