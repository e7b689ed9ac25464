"""The packed encoder in kernels of our own (`handler/kernels`), in float32, bfloat16 or with 8-bit linears, on x86-64.

One call runs all layers; threads share the columns of every product. A row's sums are added in the same order
whatever else is in its batch, so answers are batch-invariant to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof
from itertools import accumulate, pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
from safetensors import safe_open
from torch import Tensor

from handler import kernels
from handler.activations import ACTIVATIONS
from handler.config import Dtype
from handler.cores import cores
from handler.encoders import description
from handler.encoders.description import Description
from handler.kernels.structures import DTYPES, LINEARS, REGION, RELATIVE, Batch, Layer, Linear, Model, Norm
from handler.runtimes import indices, panels
from handler.runtimes.base import WEIGHTS, Placement, Placements, Runtime, load_word_embeddings
from handler.runtimes.helpers import ThreadPool
from handler.runtimes.workspace import Distances, Turns, Workspace, address, rows
from handler.types import Encoding, Output

TABLES = {
    "word": "word_embeddings",
    "position": "position_embeddings",
    "type": "token_type_embeddings",
    "attention_bias": "attention_bias",
}
"""Our names of tables, and those that the kernels have for them."""
TOKENS = 512
"""Of a pass on one thread: what lies between layers is 5 MB then for the default model. With twice as many it is read
from further away: 2 % slower in float32, 4 % in bfloat16, up to 7 % in int8 (Zen 4, a MiB of cache for each core). In
int8, whose weights are a quarter, half as many are 5 % faster where the next cache is slow (`kernels.SLOW_CACHE`)."""
SMALL = ("position", "type", "attention_bias", "rotary.", "relative_rows")
"""Beginnings of names of arrays that are no linears; the table of words is mapped."""


class Native(Runtime):
    """Encoders on packed sequences."""

    name = "native"
    padded = False
    placements: ClassVar[Placements] = {"cpu": ("float32", "int8", "bfloat16")}

    @classmethod
    def is_supported(cls, dtype: Dtype) -> bool:
        """See `Runtime.is_supported`."""
        found = kernels.detect_isa()
        return found == kernels.BFLOAT16 if dtype == "bfloat16" else found is not None

    def __init__(self, checkpoint: Path, placement: Placement) -> None:
        library = kernels.load(checkpoint)
        self.checkpoint = checkpoint
        self.arrays = panels.load(checkpoint, placement.dtype) | {"word": load_word_embeddings(checkpoint).numpy()}
        with safe_open(checkpoint / WEIGHTS, framework="np") as file:
            self.encoder = description.read(file.metadata())
            small = [name for name in file.keys() if "norm" in name or name.startswith(SMALL)]  # noqa: SIM118 - no dict
            self.arrays |= {name: file.get_tensor(name) for name in small}
        self.turns, self.distances = Turns(self.arrays, self.encoder), Distances(self.arrays)
        self.model = self.build(self.encoder)
        self.workspace = Workspace(self.model)
        self.regions = 7 + (10 if self.encoder.rotary else 9) * self.model.layers  # around the layers, and of each
        self.scratch = library.scratch
        self.pool = ThreadPool(library, self.model, cores() - 1)
        self.threads = 1
        halved = placement.dtype == "int8" and kernels.detect_isa() in kernels.SLOW_CACHE
        self.tokens = TOKENS // 2 if halved else TOKENS

    def build(self, encoder: Description) -> Model:
        """The structure the kernels read; its pointers lead into `arrays`."""
        count = len(encoder.layers)
        layers = (self.layer(f"layers.{number}.", place) for place, number in enumerate(encoder.layers))
        self.layers = (Layer * count)(*layers)
        bias = self.arrays.get("attention_bias")
        return Model(
            layers=count,
            embedding=self.arrays["word"].shape[1],
            hidden=encoder.hidden,
            intermediate=self.layers[0].down.inputs,
            heads=encoder.heads,
            key_heads=encoder.key_heads or encoder.heads,
            farthest=0 if bias is None else bias.shape[1] // 2,
            norm_first=encoder.norm_first,
            gated=encoder.gated,
            norm_projected=encoder.norm_projected,
            relative_panels=next((each.shape[1] for name, each in self.arrays.items() if name.endswith(RELATIVE)), 0),
            eps=encoder.eps,
            activation=ACTIVATIONS[encoder.activation].kernel,
            **{name: address(self.arrays.get(array)) for array, name in TABLES.items()},
            norm=self.norm("norm"),
            final_norm=self.norm("final_norm"),
            projection=self.optional("projection"),
            layer=self.layers,
            pooler=self.optional("pooler"),
        )

    def layer(self, prefix: str, place: int) -> Layer:
        """One of the layers, by the names of its weights and its place in the pass."""
        linears = (self.linear(prefix + name) for name in LINEARS)
        norms = (self.norm(prefix + name) for name in ("norm1", "norm2"))
        relative = (address(self.arrays.get(prefix + name)) for name in RELATIVE)
        return Layer(*linears, *norms, None, self.encoder.window(place), *relative)

    def linear(self, name: str) -> Linear:
        """A linear of a layer."""
        inputs, outputs = self.arrays[f"{name}.shape"].tolist()
        dtype = DTYPES[self.arrays[f"{name}.weight"].dtype.name]
        weight, bias = (address(self.arrays[f"{name}.{key}"]) for key in ("weight", "bias"))
        scale, sums, smooth = (address(self.arrays.get(f"{name}.{key}")) for key in ("scale", "sums", "smooth"))
        return Linear(inputs, outputs, dtype, weight, bias, scale, sums, smooth)

    def optional(self, name: str) -> Linear:
        """A linear around the layers; one without a weight says that there is none."""
        return self.linear(name) if f"{name}.shape" in self.arrays else Linear()

    def norm(self, name: str) -> Norm:
        """A normalisation; one without a weight says that there is none."""
        return Norm(*(address(self.arrays.get(f"{name}.{part}")) for part in ("weight", "bias")))

    def use_threads(self, threads: int) -> None:
        """See `Runtime.use_threads`."""
        super().use_threads(threads)  # a head runs in torch, which makes no room
        self.threads = min(threads, 1 + self.pool.count)

    def free_threads(self) -> int:
        """For the next pass."""
        return min(self.share.threads.value, 1 + self.pool.count) if self.share else self.threads

    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """Passes of about `tokens` for each thread there is then. One call at a time: memory is shared.

        Raises:
            IndexError: a token, position or type that the tables do not have, or a sequence without tokens.
        """
        outputs: list[Output] = []
        while len(outputs) < len(encodings):
            threads = self.free_threads()
            outputs += self.encode_all(cut(encodings[len(outputs) :], self.tokens * threads)[0], threads)
        return outputs

    def encode_all(self, encodings: Sequence[Encoding], threads: int) -> list[Output]:
        """One pass over all tokens; rows of each sequence are views of one array."""
        lengths = [len(encoding) for encoding in encodings]
        total, longest = sum(lengths), max(lengths)
        if not all(lengths):
            raise IndexError("a sequence has no tokens")
        ids, positions, offsets, types = indices.arrays(encodings, self.encoder.first_position, self.arrays)
        states = rows(total, self.model.hidden)
        pooled = rows(len(lengths), self.model.hidden) if self.model.pooler.weight else None
        self.turns.reach(longest, self.layers)
        self.distances.reach(longest, self.model)
        scratch = self.scratch(addressof(self.model), longest)
        reserved = self.workspace.reserve(total, scratch * threads)
        inputs = (address(array) for array in (ids, positions, types, offsets, pooled, states))
        regions = np.zeros((self.regions, REGION), np.int64)
        batch = Batch(
            total, len(lengths), longest, *inputs, *reserved, address(regions), self.share and self.share.address
        )
        self.pool.run(batch, threads, (regions, self.share))
        states = np.ascontiguousarray(states[:, : self.model.hidden])
        return [
            Output(states[start:stop], None if pooled is None else pooled[number, : self.model.hidden])
            for number, (start, stop) in enumerate(pairwise(offsets))
        ]

    def word_embeddings(self) -> Tensor:
        """See `Runtime.word_embeddings`; 8-bit archives keep their tables in float32."""
        return load_word_embeddings(self.checkpoint)


def cut(encodings: Sequence[Encoding], most: int) -> list[Sequence[Encoding]]:
    """Into as few parts as have that many tokens at most, of about equal size; a longer sequence may exceed it."""
    ends = [*accumulate(map(len, encodings))]
    if ends[-1] <= most:  # as in a lone request
        return [encodings]
    count = -(-ends[-1] // most)
    nearest = np.abs(np.array(ends)[:, None] - ends[-1] * np.arange(1, count) / count).argmin(0)
    bounds = [0, *(nearest + 1).tolist(), len(encodings)]
    return [encodings[start:stop] for start, stop in pairwise(bounds) if start < stop]
