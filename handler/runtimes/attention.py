"""Attention over packed sequences: no padding, so no mask either."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Protocol

import torch
from torch import Tensor

from handler.runtimes import cuda
from handler.runtimes.disentangled import Relative, attend

SLACK = 8
"""Tokens by which sequences of a block may differ however short they are."""


class Attention(Protocol):
    """Self-attention of one batch; made once per batch, called once per layer."""

    def __call__(self, qkv: Tensor, relative: Relative | None = None) -> Tensor:
        """`(tokens, 3, heads, size)` to `(tokens, heads, size)`; `relative` are relative positions of the layer."""


Kind = Callable[[Sequence[int], Tensor, Tensor | None], Attention]
"""What makes one, of the lengths of a batch's sequences, `(sequences + 1,)` offsets on the device, int32, and what is
added to scores for each distance, `(heads, 2 * longest - 1)`."""


class Grouped:
    """Sequences of one length at a time, as a dense block each. Any device, any dtype.

    Batches come sorted by length, so that equal ones are neighbours.
    """

    def __init__(self, lengths: Sequence[int], offsets: Tensor, bias: Tensor | None = None) -> None:
        self.bias = None if bias is None else by_distance(bias, max(lengths))
        self.blocks: list[tuple[int, int, int]] = []
        start = 0
        for length, group in groupby(lengths):
            tokens = length * len(list(group))
            self.blocks.append((start, tokens, length))
            start += tokens

    def __call__(self, qkv: Tensor, relative: Relative | None = None) -> Tensor:
        """See `Attention`."""
        _, _, heads, size = qkv.shape
        mixed = qkv.new_empty(len(qkv), heads, size)
        for start, tokens, length in self.blocks:
            block = qkv.narrow(0, start, tokens).view(-1, length, 3, heads, size)
            query, key, value = block.permute(2, 0, 3, 1, 4).unbind(0)
            bias = None if self.bias is None else self.bias[:, :length, :length]
            attended = attend(query, key, value, bias, relative)
            mixed.narrow(0, start, tokens).view(-1, length, heads, size).copy_(attended.transpose(1, 2))
        return mixed


class Blocked:
    """Sequences of about one length at a time, as a padded block each: for GPUs where `Varlen` does not run.

    Many lengths would be as many calls per layer in `Grouped`, each of which takes a GPU longer to begin than to do.
    Which rows go where is computed on the device, once per batch.
    """

    def __init__(self, lengths: Sequence[int], offsets: Tensor, bias: Tensor | None = None) -> None:
        self.bias = None if bias is None else by_distance(bias, max(lengths))
        first, end = (offsets.narrow(0, row, len(lengths)) for row in (0, 1))
        self.blocks: list[tuple[Tensor, Tensor | None, int]] = []
        shifts: list[Tensor] = []
        padded_tokens = 0
        for start, count, longest in alike(lengths):
            own, over = (ends.narrow(0, start, count).unsqueeze(1) for ends in (first, end))
            rows = own + torch.arange(longest, dtype=torch.int32, device=offsets.device)
            mask = (
                None if set(lengths[start : start + count]) == {longest} else (rows < over).view(count, 1, 1, longest)
            )
            self.blocks.append((torch.minimum(rows, over - 1).flatten(), mask, longest))
            shifts.append(torch.arange(count, device=offsets.device) * longest + padded_tokens - own.squeeze(1))
            padded_tokens += count * longest
        numbers = torch.arange(sum(lengths), dtype=torch.int32, device=offsets.device)
        self.back = numbers + torch.cat(shifts).index_select(0, torch.searchsorted(end, numbers, right=True))

    def __call__(self, qkv: Tensor, relative: Relative | None = None) -> Tensor:
        """See `Attention`."""
        _, _, heads, size = qkv.shape
        parts = []
        for rows, mask, longest in self.blocks:
            block = qkv.index_select(0, rows).view(-1, longest, 3, heads, size)
            query, key, value = block.permute(2, 0, 3, 1, 4).unbind(0)
            attended = attend(query, key, value, self.added(mask, longest), relative)
            parts.append(attended.transpose(1, 2).reshape(-1, heads, size))
        return torch.cat(parts).index_select(0, self.back)

    def added(self, mask: Tensor | None, longest: int) -> Tensor | None:
        """What the scores of a block get: nothing of padding, and the bias of the rest."""
        if self.bias is None:
            return mask
        bias = self.bias[:, :longest, :longest]
        return bias if mask is None else torch.where(mask, bias, -torch.inf)


def alike(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Start, count and longest of neighbours whose lengths are at most a quarter and `SLACK` tokens apart."""
    start, least, most = 0, lengths[0], lengths[0]
    for number, length in enumerate(lengths):
        if max(most, length) > 1.25 * min(least, length) + SLACK:
            yield start, number - start, most
            start, least, most = number, length, length
        least, most = min(least, length), max(most, length)
    yield start, len(lengths) - start, most


class Varlen:
    """All sequences in one call of FlashAttention, of nothing but queries and keys.

    Where it runs, `cuda.supports_flash_attention` says.
    """

    def __init__(self, lengths: Sequence[int], offsets: Tensor, bias: Tensor | None = None) -> None:
        self.longest = max(lengths)
        self.offsets = offsets

    def __call__(self, qkv: Tensor, relative: Relative | None = None) -> Tensor:
        """See `Attention`."""
        from torch.nn.attention.varlen import varlen_attn  # brings torch's compiler: 70 MB, which a CPU has no use for

        query, key, value = qkv.unbind(1)
        mixed = varlen_attn(query, key, value, self.offsets, self.offsets, self.longest, self.longest)
        return mixed if isinstance(mixed, Tensor) else mixed[0]


def within(bias: Tensor | None, window: int, longest: int, device: torch.device) -> Tensor | None:
    """The bias for each distance up to that of `longest` tokens, where only `window` tokens to either side are seen."""
    if not window or window >= longest - 1:
        return bias
    far = torch.arange(1 - longest, longest, device=device).abs() > window
    if bias is None:
        return torch.zeros(1, len(far), device=device).masked_fill_(far, -torch.inf)
    spare = bias.shape[-1] // 2 - longest + 1
    return bias[:, spare : spare + len(far)].masked_fill(far, -torch.inf)


def by_distance(bias: Tensor, length: int) -> Tensor:
    """`(heads, length, length)`, by query and key, of a bias for each distance, `(heads, 2 * longest - 1)`."""
    last = bias.shape[-1] // 2
    return bias.unfold(-1, length, 1)[:, last - length + 1 : last + 1].flip(1)


def choose(device: torch.device, dtype: torch.dtype, size: int, biased: bool) -> Kind:
    """The fastest attention that runs there for heads of that size, with a bias or without."""
    if device.type == "cpu":
        return Grouped
    return Varlen if cuda.supports_flash_attention(device, dtype, size) and not biased else Blocked
