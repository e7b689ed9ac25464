"""Sequences whose last tokens no other looks at, for runtimes whose attention looks at every token.

ColBERT's expansion of a query is such: its masks look at the query's words, and neither those nor other masks at them.
They run through the layers of the `packed` runtime; queries are few and short beside documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from handler.device import upload
from handler.runtimes import indices
from handler.runtimes.attention import by_distance, within
from handler.runtimes.base import WEIGHTS, Placement, Runtime
from handler.runtimes.disentangled import Relative, attend
from handler.runtimes.indices import Indices
from handler.runtimes.packed import Packed, rows
from handler.types import Encoding, Output


class Masked:
    """Attention of sequences of one length, each to its first tokens alone.

    Args:
        seen: `(sequences, 1, 1, tokens)`, which tokens are looked at.
        bias: see `handler.runtimes.attention.by_distance`.
    """

    def __init__(self, seen: Tensor, bias: Tensor | None) -> None:
        length = seen.shape[-1]
        self.mask = seen if bias is None else torch.where(seen, by_distance(bias, length), -torch.inf)
        self.count, self.length = len(seen), length

    def __call__(self, qkv: Tensor, relative: Relative | None = None) -> Tensor:
        """See `handler.runtimes.attention.Attention`."""
        _, _, heads, size = qkv.shape
        query, key, value = qkv.view(self.count, self.length, 3, heads, size).permute(2, 0, 3, 1, 4).unbind(0)
        mask = self.mask if self.mask.dtype == torch.bool else self.mask.to(qkv.dtype)
        attended = attend(query, key, value, mask, relative)
        return attended.transpose(1, 2).reshape(-1, heads, size).contiguous()


class MaskedPass:
    """A forward pass of such sequences."""

    def __init__(self, model: Packed) -> None:
        self.model = model

    @torch.inference_mode()
    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """See `Runtime.run`; sequences of one length."""
        model, lengths = self.model, [len(encoding) for encoding in encodings]
        arrays = indices.arrays(encodings, model.encoder.first_position, model.weights)
        batch = Indices(lengths, *upload(arrays, model.device))
        attended = torch.tensor([encoding.attended for encoding in encodings], device=model.device)
        seen = torch.arange(lengths[0], device=model.device) < attended.view(-1, 1, 1, 1)

        def attention_of(window: int) -> Masked:
            return Masked(seen, within(model.bias, window, lengths[0], model.device))

        states = model.through_layers(model.embed(batch), attention_of, batch.positions)
        pooled = model.pool(states, batch)
        if model.outputs_on_device:
            return model.device_outputs(states, pooled, batch)
        return rows(states, pooled, lengths)


def make(runtime: Runtime, checkpoint: Path, device: str) -> MaskedPass | None:
    """One over the runtime's own weights where it has them as torch takes them; None for runtimes that take a mask."""
    if isinstance(runtime, Packed):
        return MaskedPass(runtime)
    if not (checkpoint / WEIGHTS).exists():  # transformers' own models, as they are or traced
        return None
    return MaskedPass(Packed(checkpoint, Placement(device, "float32")))
