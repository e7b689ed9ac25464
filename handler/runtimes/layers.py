"""Layers of an encoder in torch, on packed sequences."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, rms_norm

from handler.activations import ACTIVATIONS
from handler.encoders.description import Description
from handler.runtimes import disentangled, linears
from handler.runtimes.attention import Attention
from handler.runtimes.disentangled import Relative


class Layer:
    """One transformer layer, which normalises what its halves add up to."""

    def __init__(self, weights: Mapping[str, Tensor], encoder: Description, linear: linears.Kind) -> None:
        def make(name: str, activation: str = "none") -> linears.Linear:
            return linear(weights[f"{name}.weight"], weights[f"{name}.bias"], activation)

        self.qkv, self.out, self.down = make("qkv"), make("out"), make("down")
        self.up = make("up", "none" if encoder.gated else encoder.activation)
        self.gate = ACTIVATIONS[encoder.activation].apply if encoder.gated else None
        self.norms = {name: weight for name, weight in weights.items() if name.startswith("norm")}
        self.heads, self.eps, self.relative = encoder.heads, encoder.eps, disentangled.of(weights)
        self.size = encoder.hidden // encoder.heads
        self.spread = spread(encoder, weights["qkv.weight"].device)

    def __call__(self, states: Tensor, attend: Attention) -> Tensor:
        """`(total tokens, hidden)` to the same."""
        states = normalize(self.out(self.attended(states, attend), states), self.norms, "norm1", self.eps)
        return normalize(self.down(self.widened(states), states), self.norms, "norm2", self.eps)

    def attended(self, states: Tensor, attend: Attention) -> Tensor:
        """`(total tokens, hidden)`, what the heads see."""
        tokens, hidden = states.shape
        heads = self.qkv(states).view(tokens, -1, self.size)
        heads = heads if self.spread is None else heads.index_select(1, self.spread)
        return attend(heads.view(tokens, 3, self.heads, self.size), self.relative).view(tokens, hidden)

    def widened(self, states: Tensor) -> Tensor:
        """`(total tokens, intermediate)`."""
        wide = self.up(states)
        if self.gate is None:
            return wide
        first, second = wide.chunk(2, -1)
        return self.gate(first) * second


class NormFirst(Layer):
    """One that normalises what its halves read; the first of an encoder may find that done."""

    def __call__(self, states: Tensor, attend: Attention) -> Tensor:
        """See `Layer`."""
        read = normalize(states, self.norms, "norm1", self.eps) if "norm1.weight" in self.norms else states
        states = self.out(self.attended(read, attend), states)
        return self.down(self.widened(normalize(states, self.norms, "norm2", self.eps)), states)


def spread(encoder: Description, device: torch.device) -> Tensor | None:
    """`(3 * heads,)`, which head of `qkv` each one's queries, keys and values are; None where each has its own."""
    if not encoder.key_heads:
        return None
    queries = torch.arange(encoder.heads, device=device)
    keys = encoder.heads + queries // (encoder.heads // encoder.key_heads)
    return torch.cat([queries, keys, keys + encoder.key_heads])


def normalize(states: Tensor, weights: Mapping[str, Tensor], name: str, eps: float) -> Tensor:
    """Normalisation over the last dimension; without a bias it is by the root mean square."""
    weight, bias = weights[f"{name}.weight"], weights.get(f"{name}.bias")
    if bias is None:
        return rms_norm(states, states.shape[-1:], weight, eps)
    return layer_norm(states, states.shape[-1:], weight, bias, eps)


class Turned:
    """Attention whose queries and keys are turned by their positions first (https://arxiv.org/abs/2104.09864).

    Args:
        attend: what follows.
        cosines: `(tokens, 1, 1, size / 2)`, float32.
        sines: the same.
    """

    def __init__(self, attend: Attention, cosines: Tensor, sines: Tensor) -> None:
        self.attend, self.cosines, self.sines = attend, cosines, sines

    def __call__(self, qkv: Tensor, relative: Relative | None = None) -> Tensor:
        """See `Attention`."""
        left, right = qkv[:, :2].float().chunk(2, -1)
        parts = left * self.cosines - right * self.sines, right * self.cosines + left * self.sines
        return self.attend(torch.cat([torch.cat(parts, -1).to(qkv.dtype), qkv[:, 2:]], 1), relative)


def angles(frequencies: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines as `Turned` takes them, of `(size / 2,)` and `(tokens,)`."""
    turns = (positions.float()[:, None] * frequencies)[:, None, None]
    return turns.cos(), turns.sin()
