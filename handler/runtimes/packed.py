"""The encoder without padding: every linear runs on `(total tokens, hidden)`, attention on each sequence's own tokens.

The packer writes the weights as they are used here (`scripts/layout.py`), in a file that is mapped and not read: a
worker is ready without importing transformers, and all workers of a machine share one copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import layer_norm

from handler.call import Encoding, Output
from handler.runtimes import attention, linears
from handler.runtimes.base import WEIGHTS, Placement, Placements, Runtime


class Packed(Runtime):
    """BERT, RoBERTa and DistilBERT encoders on packed sequences."""

    name = "packed"
    padded = False
    placements: ClassVar[Placements] = {"cpu": ("float32", "bfloat16"), "cuda": ("float32", "float16", "bfloat16")}

    def __init__(self, checkpoint: Path, placement: Placement) -> None:
        self.device = torch.device(placement.device)
        self.dtype: torch.dtype = getattr(torch, placement.dtype)
        with safe_open(checkpoint / WEIGHTS, framework="pt") as file:
            settings = file.metadata()
            self.weights = {name: self.place(name, file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 - no dict
        linear = linears.choose(self.device, self.dtype)
        names = [f"layers.{number}." for number in range(int(settings["layers"]))]
        self.layers = [Layer(self.part(name), settings, linear) for name in names]
        self.eps = float(settings["eps"])
        self.first_position = int(settings["first_position"])
        self.attention = attention.choose(self.device, self.dtype)

    def place(self, name: str, weight: Tensor) -> Tensor:
        """A tensor on the device. Tables of embeddings stay float32 and mapped: only a few rows of them are used."""
        return weight.to(self.device, self.dtype if name.startswith(("layers.", "pooler.")) else torch.float32)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The weights of a layer, which alone keeps them."""
        names = [name for name in self.weights if name.startswith(prefix)]
        return {name.removeprefix(prefix): self.weights.pop(name) for name in names}

    @torch.inference_mode()
    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """One pass over all tokens; rows of each sequence are views of one array."""
        lengths = [len(encoding) for encoding in encodings]
        states = self.embed(encodings, lengths)
        attend = self.attention(lengths, self.device)
        for layer in self.layers:
            states = layer(states, attend)
        starts = np.cumsum([0, *lengths])
        pooled = self.pool(states[torch.from_numpy(starts[:-1]).to(self.device)])
        hidden = states.float().cpu().numpy()
        return [
            Output(hidden[start:stop], None if pooled is None else pooled[number])
            for number, (start, stop) in enumerate(pairwise(starts))
        ]

    def words(self) -> Tensor:
        """See `Runtime.words`."""
        return self.weights["word"]

    def embed(self, encodings: Sequence[Encoding], lengths: Sequence[int]) -> Tensor:
        """`(total tokens, hidden)`: words, positions and types, normalised in float32."""
        total = sum(lengths)
        ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), np.int64, total)
        starts = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
        states = self.weights["word"][self.tensor(ids)]
        states += self.weights["position"][self.tensor(np.arange(total) - starts + self.first_position)]
        if "type" in self.weights:
            types = np.fromiter(chain.from_iterable(encoding.type_ids for encoding in encodings), np.int64, total)
            states += self.weights["type"][self.tensor(types)]
        return normalize(states, self.weights, "norm", self.eps).to(self.dtype)

    def pool(self, first: Tensor) -> Any:
        """`(sequences, hidden)` from the states of the first tokens; None without a pooler."""
        if "pooler.weight" not in self.weights:
            return None
        pooled = torch.addmm(self.weights["pooler.bias"], first, self.weights["pooler.weight"]).tanh_()
        return pooled.float().cpu().numpy()

    def tensor(self, values: NDArray[np.int64]) -> Tensor:
        """Indices on the device."""
        return torch.from_numpy(values).to(self.device, non_blocking=True)


class Layer:
    """One transformer layer."""

    def __init__(self, weights: Mapping[str, Tensor], settings: Mapping[str, str], linear: linears.Kind) -> None:
        def make(name: str, activation: str = "") -> linears.Linear:
            return linear(weights[f"{name}.weight"], weights[f"{name}.bias"], activation)

        self.qkv, self.out, self.down = make("qkv"), make("out"), make("down")
        self.up = make("up", settings["activation"])
        self.norms = {name: weight for name, weight in weights.items() if name.startswith("norm")}
        self.heads = int(settings["heads"])
        self.eps = float(settings["eps"])

    def __call__(self, states: Tensor, attend: attention.Attention) -> Tensor:
        """`(total tokens, hidden)` to the same."""
        tokens, hidden = states.shape
        qkv = self.qkv(states).view(tokens, 3, self.heads, hidden // self.heads)
        states = normalize(self.out(attend(qkv).view(tokens, hidden), states), self.norms, "norm1", self.eps)
        return normalize(self.down(self.up(states), states), self.norms, "norm2", self.eps)


def normalize(states: Tensor, weights: Mapping[str, Tensor], name: str, eps: float) -> Tensor:
    """Layer normalisation over the last dimension."""
    return layer_norm(states, states.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps)
