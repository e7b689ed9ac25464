"""The encoder without padding: every linear runs on `(total tokens, hidden)`, attention on each sequence's own tokens.

The packer writes the weights as they are used here (`scripts/packing/layout.py`), in a file that is mapped and not
read: a worker is ready without importing transformers, and all workers of a machine share one copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise, repeat
from pathlib import Path
from typing import ClassVar

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import embedding

from handler.device import DeviceStates, Queue, upload
from handler.encoders import description
from handler.runtimes import attention, cuda, graphs, indices, linears
from handler.runtimes.base import WEIGHTS, Placement, Placements, Runtime
from handler.runtimes.indices import Indices
from handler.runtimes.layers import Layer, NormFirst, Turned, angles, normalize
from handler.types import Encoding, Output

IN_LAYERS = ("layers.", "pooler.", "projection.", "attention_bias", "final_norm.")
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
        linear = linears.choose(self.device, self.dtype, encoder)
        if linear is linears.EpilogueLinear:
            tensors |= linears.fold_residual_biases(tensors, encoder)
        self.weights = {name: self.to_device(name, tensor) for name, tensor in tensors.items()}
        kind = NormFirst if encoder.norm_first else Layer
        shared = {name: weight for name, weight in self.weights.items() if name == "relative_rows"}
        stored = [kind(self.part(f"layers.{number}.") | shared, encoder, linear) for number in range(encoder.stored)]
        self.layers = [stored[number] for number in encoder.layers]
        self.bias = self.weights.get("attention_bias")
        biased = self.bias is not None or any(encoder.windows) or bool(shared)
        self.attention = attention.choose(self.device, self.dtype, stored[0].size, biased)
        self.outputs_on_device = self.device.type != "cpu"
        self.queue = Queue(self.device)
        flash = self.attention is attention.Varlen
        self.graphs = graphs.make(self.encode, self.longest, self.device) if flash else None

    @property
    def longest(self) -> int:
        """Tokens that there are positions for; without a table of them, as many as a graph takes."""
        if "position" not in self.weights:
            return max(graphs.TOKENS)
        return len(self.weights["position"]) - self.encoder.first_position

    def to_device(self, name: str, weight: Tensor) -> Tensor:
        """A tensor on the device. Tables of embeddings stay float32 and mapped: only a few rows of them are used."""
        if not weight.is_floating_point():
            return weight.to(self.device)
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
        longest = max(batch.lengths)

        def attention_of(window: int) -> attention.Attention:
            bias = attention.within(self.bias, window, longest, self.device)
            return self.attention(batch.lengths, batch.offsets, bias)

        return self.through_layers(self.embed(batch), attention_of, batch.positions)

    def through_layers(
        self, states: Tensor, attention_of: Callable[[int], attention.Attention], positions: Tensor
    ) -> Tensor:
        """`(total tokens, hidden)` behind the last layer.

        Args:
            states: of the embeddings.
            attention_of: makes the attention of layers with that window, 0 for none.
            positions: `(total tokens,)`.
        """
        encoder = self.encoder
        made = {window: attention_of(window) for window in dict.fromkeys(encoder.windows or [0])}
        turns = {number: angles(self.weights[f"rotary.{number}"], positions) for number in set(encoder.rotary)}
        for place, layer in enumerate(self.layers):
            attend = made[encoder.window(place)]
            states = layer(states, Turned(attend, *turns[encoder.rotary[place]]) if turns else attend)
        if "final_norm.weight" not in self.weights:
            return states
        return normalize(states, self.weights, "final_norm", encoder.eps)

    def word_embeddings(self) -> Tensor:
        """See `Runtime.word_embeddings`."""
        return self.weights["word"]

    def embed(self, batch: Indices) -> Tensor:
        """`(total tokens, hidden)`: words, positions and types."""
        states = embedding(batch.ids, self.weights["word"])
        if "position" in self.weights:
            states += embedding(batch.positions, self.weights["position"])
        if "type" in self.weights:
            states += embedding(batch.types, self.weights["type"])
        return self.finish_embeddings(states)

    def finish_embeddings(self, sums: Tensor) -> Tensor:
        """`(tokens, hidden)`: normalised in float32, where the layers do not do that, and as wide as the layers."""
        sums = self.project(sums).float() if self.encoder.norm_projected else sums
        if "norm.weight" in self.weights:
            sums = normalize(sums, self.weights, "norm", self.encoder.eps)
        states = sums.to(self.dtype)
        return states if self.encoder.norm_projected else self.project(states)

    def project(self, states: Tensor) -> Tensor:
        """`(tokens, embedding)` to `(tokens, hidden)`, where these differ."""
        if "projection.weight" not in self.weights:
            return states
        return torch.addmm(self.weights["projection.bias"], states.to(self.dtype), self.weights["projection.weight"])

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
