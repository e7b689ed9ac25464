"""The encoder without padding: every linear runs on `(total tokens, hidden)`, attention on each sequence's own tokens.

The packer writes the weights as they are used here (`scripts/packing/layout.py`), in a file that is mapped and not
read: a worker is ready without importing transformers, and all workers of a machine share one copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise, repeat
from pathlib import Path
from typing import ClassVar

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import embedding, layer_norm

from handler.device import DeviceStates, Queue, upload
from handler.encoders import description
from handler.encoders.description import Description
from handler.runtimes import attention, cuda, graphs, indices, linears
from handler.runtimes.base import WEIGHTS, Placement, Placements, Runtime
from handler.runtimes.indices import Indices
from handler.types import Encoding, Output

IN_LAYERS = ("layers.", "pooler.", "projection.", "attention_bias")
"""Weights in the dtype of the layers."""


class Packed(Runtime):
    """Encoders on packed sequences."""

    name = "packed"
    padded = False
    placements: ClassVar[Placements] = {"cpu": ("float32", "bfloat16"), "cuda": ("float32", "float16", "bfloat16")}

    def __init__(self, checkpoint: Path, placement: Placement) -> None:
        self.device = torch.device(placement.device)
        self.dtype: torch.dtype = getattr(torch, placement.dtype)
        if self.device.type == "cuda":
            cuda.configure_torch(self.device)
        with safe_open(checkpoint / WEIGHTS, framework="pt") as file:
            self.encoder = encoder = description.read(file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
        linear = linears.choose(self.device, self.dtype, encoder.layers)
        if linear is linears.EpilogueLinear:
            tensors |= linears.fold_residual_biases(tensors, encoder.layers)
        self.weights = {name: self.to_device(name, tensor) for name, tensor in tensors.items()}
        stored = [Layer(self.part(f"layers.{number}."), encoder, linear) for number in range(encoder.stored)]
        self.layers = [stored[number] for number in encoder.layers]
        self.bias = self.weights.get("attention_bias")
        self.attention = attention.choose(self.device, self.dtype, stored[0].size, self.bias is not None)
        self.outputs_on_device = self.device.type != "cpu"
        self.queue = Queue(self.device)
        longest = len(self.weights["position"]) - encoder.first_position
        flash = self.attention is attention.Varlen
        self.graphs = graphs.make(self.encode, longest, self.device) if flash else None

    def to_device(self, name: str, weight: Tensor) -> Tensor:
        """A tensor on the device. Tables of embeddings stay float32 and mapped: only a few rows of them are used."""
        return weight.to(self.device, self.dtype if name.startswith(IN_LAYERS) else torch.float32)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The weights of a layer, which alone keeps them."""
        names = [name for name in self.weights if name.startswith(prefix)]
        return {name.removeprefix(prefix): self.weights.pop(name) for name in names}

    @torch.inference_mode()
    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """One pass over all tokens. On a GPU it is only begun: the states stay there, and are waited for when read."""
        lengths = [len(encoding) for encoding in encodings]
        arrays = indices.arrays(encodings, self.encoder.first_position, self.weights)
        graph = self.graphs.smallest_fitting(lengths) if self.graphs else None
        if graph:
            states, batch = graph.run(lengths, arrays)
        else:
            batch = Indices(lengths, *upload(arrays, self.device))
            states = self.encode(batch)
        pooled = self.pool(states, batch)
        return self.device_outputs(states, pooled, batch) if self.outputs_on_device else rows(states, pooled, lengths)

    def encode(self, batch: Indices) -> Tensor:
        """`(total tokens, hidden)`."""
        states = self.embed(batch)
        attend = self.attention(batch.lengths, batch.offsets, self.bias)
        for layer in self.layers:
            states = layer(states, attend)
        return states

    def word_embeddings(self) -> Tensor:
        """See `Runtime.word_embeddings`."""
        return self.weights["word"]

    def embed(self, batch: Indices) -> Tensor:
        """`(total tokens, hidden)`: words, positions and types."""
        states = embedding(batch.ids, self.weights["word"])
        states += embedding(batch.positions, self.weights["position"])
        if "type" in self.weights:
            states += embedding(batch.types, self.weights["type"])
        return self.finish_embeddings(states)

    def finish_embeddings(self, sums: Tensor) -> Tensor:
        """`(tokens, hidden)`: normalised in float32, and as wide as the layers."""
        states = normalize(sums, self.weights, "norm", self.encoder.eps).to(self.dtype)
        if "projection.weight" not in self.weights:
            return states
        return torch.addmm(self.weights["projection.bias"], states, self.weights["projection.weight"])

    def pool(self, states: Tensor, batch: Indices) -> Tensor | None:
        """`(sequences, hidden)` from the states of the first tokens; None without a pooler."""
        if "pooler.weight" not in self.weights:
            return None
        first = states.index_select(0, batch.first)
        return torch.addmm(self.weights["pooler.bias"], first, self.weights["pooler.weight"]).tanh_()

    def device_outputs(self, states: Tensor, pooled: Tensor | None, batch: Indices) -> list[Output]:
        """Outputs over states that stay on the device."""
        self.queue.follow()
        return DeviceStates(states, pooled, batch.lengths, batch.offsets).outputs()

    def finish(self) -> None:
        """See `Runtime.finish`."""
        self.queue.finish()


def rows(states: Tensor, pooled: Tensor | None, lengths: Sequence[int]) -> list[Output]:
    """Outputs on a CPU: each sequence's own rows of one array."""
    hidden = states.float().numpy()
    vectors = repeat(None) if pooled is None else pooled.float().numpy()
    bounds = pairwise(accumulate(lengths, initial=0))
    return [Output(hidden[start:stop], vector) for (start, stop), vector in zip(bounds, vectors, strict=False)]


class Layer:
    """One transformer layer."""

    def __init__(self, weights: Mapping[str, Tensor], encoder: Description, linear: linears.Kind) -> None:
        def make(name: str, activation: str = "none") -> linears.Linear:
            return linear(weights[f"{name}.weight"], weights[f"{name}.bias"], activation)

        self.qkv, self.out, self.down = make("qkv"), make("out"), make("down")
        self.up = make("up", encoder.activation)
        self.norms = {name: weight for name, weight in weights.items() if name.startswith("norm")}
        self.heads, self.eps = encoder.heads, encoder.eps
        self.size = encoder.hidden // encoder.heads

    def __call__(self, states: Tensor, attend: attention.Attention) -> Tensor:
        """`(total tokens, hidden)` to the same."""
        tokens, hidden = states.shape
        qkv = self.qkv(states).view(tokens, 3, self.heads, self.size)
        states = normalize(self.out(attend(qkv).view(tokens, hidden), states), self.norms, "norm1", self.eps)
        return normalize(self.down(self.up(states), states), self.norms, "norm2", self.eps)


def normalize(states: Tensor, weights: Mapping[str, Tensor], name: str, eps: float) -> Tensor:
    """Layer normalisation over the last dimension."""
    return layer_norm(states, states.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps)
