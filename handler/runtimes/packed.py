"""The encoder without padding: every linear runs on `(total tokens, hidden)`, attention on each sequence's own tokens.

The packer writes the weights as they are used here (`scripts/layout.py`), in a file that is mapped and not read: a
worker is ready without importing transformers, and all workers of a machine share one copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from handler.runtimes import attention
from handler.runtimes.base import WEIGHTS, Placement, Placements, Runtime, stored_words

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": torch.ops.aten.gelu_,
    "gelu_tanh": lambda values: torch.ops.aten.gelu_(values, approximate="tanh"),
    "relu": torch.relu_,
}
"""In place: a new array of `(tokens, 4 * hidden)` per layer would cost more than the function."""


class Packed(Runtime):
    """BERT, RoBERTa and DistilBERT encoders on packed sequences."""

    name = "packed"
    padded = False
    placements: ClassVar[Placements] = {"cpu": ("float32",), "cuda": ("float32", "float16", "bfloat16")}

    def __init__(self, checkpoint: Path, placement: Placement) -> None:
        self.checkpoint = checkpoint
        self.device = torch.device(placement.device)
        self.dtype: torch.dtype = getattr(torch, placement.dtype)
        with safe_open(checkpoint / WEIGHTS, framework="pt") as file:
            settings = file.metadata()
            self.weights = {name: file.get_tensor(name).to(self.device, self.dtype) for name in file.keys()}  # noqa: SIM118 - no dict
        self.layers = [Layer(self.weights, f"layers.{number}.", settings) for number in range(int(settings["layers"]))]
        self.eps = float(settings["eps"])
        self.first_position = int(settings["first_position"])
        self.attention = attention.choose(self.device, self.dtype)

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
        """See `Runtime.words`. In half precision it is read again, since rows were rounded."""
        words = self.weights["word"]
        return words if words.dtype == torch.float32 else stored_words(self.checkpoint).to(self.device)

    def embed(self, encodings: Sequence[Encoding], lengths: Sequence[int]) -> Tensor:
        """`(total tokens, hidden)`: words, positions and types, normalised."""
        total = sum(lengths)
        ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), np.int64, total)
        starts = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
        states = self.weights["word"][self.tensor(ids)]
        states += self.weights["position"][self.tensor(np.arange(total) - starts + self.first_position)]
        if "type" in self.weights:
            types = np.fromiter(chain.from_iterable(encoding.type_ids for encoding in encodings), np.int64, total)
            states += self.weights["type"][self.tensor(types)]
        return normalize(states, self.weights, "norm", self.eps)

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
    """One transformer layer; weights are `(in, out)`, which multiplies few rows faster than `(out, in)`."""

    def __init__(self, weights: dict[str, Tensor], prefix: str, settings: dict[str, str]) -> None:
        self.weights = {
            name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)
        }
        self.heads = int(settings["heads"])
        self.eps = float(settings["eps"])
        self.activate = ACTIVATIONS[settings["activation"]]

    def __call__(self, states: Tensor, attend: attention.Attention) -> Tensor:
        """`(total tokens, hidden)` to the same."""
        tokens, hidden = states.shape
        qkv = self.linear("qkv", states).view(tokens, 3, self.heads, hidden // self.heads)
        mixed = self.linear("out", attend(qkv).view(tokens, hidden))
        states = normalize(mixed.add_(states), self.weights, "norm1", self.eps)
        wide = self.activate(self.linear("up", states))
        return normalize(self.linear("down", wide).add_(states), self.weights, "norm2", self.eps)

    def linear(self, name: str, states: Tensor) -> Tensor:
        """`states @ weight + bias`."""
        return torch.addmm(self.weights[f"{name}.bias"], states, self.weights[f"{name}.weight"])


def normalize(states: Tensor, weights: dict[str, Tensor], name: str, eps: float) -> Tensor:
    """Layer normalisation over the last dimension."""
    return layer_norm(states, states.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps)
