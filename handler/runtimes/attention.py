"""Attention over packed sequences: no padding, so no mask either."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


class Attention(Protocol):
    """Self-attention of one batch; made once per batch, called once per layer."""

    def __call__(self, qkv: Tensor) -> Tensor:
        """`(tokens, 3, heads, size)` to `(tokens, heads, size)`."""


class Grouped:
    """Sequences of one length at a time, as a dense block each. Any device, any dtype.

    Batches come sorted by length, so that equal ones are neighbours.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        self.blocks: list[tuple[int, int, int]] = []
        start = 0
        for length, group in groupby(lengths):
            count = len(list(group))
            self.blocks.append((start, start + count * length, length))
            start += count * length

    def __call__(self, qkv: Tensor) -> Tensor:
        """See `Attention`."""
        _, _, heads, size = qkv.shape
        mixed = qkv.new_empty(len(qkv), heads, size)
        for start, stop, length in self.blocks:
            query, key, value = qkv[start:stop].view(-1, length, 3, heads, size).permute(2, 0, 3, 1, 4).unbind(0)
            block = scaled_dot_product_attention(query, key, value)
            mixed[start:stop].view(-1, length, heads, size).copy_(block.transpose(1, 2))
        return mixed


class Varlen:
    """All sequences in one call of FlashAttention: CUDA, float16 or bfloat16, heads of at most 256."""

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        from torch.nn.attention.varlen import varlen_attn

        self.attend = varlen_attn
        self.longest = max(lengths)
        ends = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
        self.starts = ends.to(device, non_blocking=True)

    def __call__(self, qkv: Tensor) -> Tensor:
        """See `Attention`."""
        query, key, value = qkv.unbind(1)
        mixed = self.attend(query, key, value, self.starts, self.starts, self.longest, self.longest)
        return mixed if isinstance(mixed, Tensor) else mixed[0]


def choose(device: torch.device, dtype: torch.dtype) -> type[Grouped] | type[Varlen]:
    """The fastest attention that runs there."""
    half = dtype in (torch.float16, torch.bfloat16)
    return Varlen if device.type == "cuda" and half else Grouped
