"""Token states to one vector per text, as sentence-transformers computes it, on the host and on a device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from handler import config
from handler.device import DeviceStates, Numbers, Reading, upload
from handler.errors import Invalid
from handler.types import Output, Reduced


@dataclass(frozen=True, eq=False)
class Pooling(Reading):
    """One way of pooling. Both functions get the tokens that are pooled; see `Encoding.unpooled`.

    Attributes:
        host: `(hidden,)` of one sequence.
        device: `(sequences, hidden)` of a batch.
        pooled: see `Reading`.
    """

    host: Callable[[Output], Numbers]
    device: Callable[[DeviceStates], Tensor]
    pooled: bool = False

    def on_device(self, states: DeviceStates) -> Tensor:
        """See `Reading`."""
        return self.device(without_prompts(states) if any(states.unpooled) else states)

    def on_host(self, outputs: Sequence[Output]) -> Numbers:
        """See `Reading`."""
        return np.asarray([self.vector(output) for output in outputs], dtype=np.float32)

    def vector(self, output: Output) -> Numbers:
        """`(hidden,)`, which may have been computed already."""
        if not isinstance(output, Reduced):
            return self.host(replace(output, hidden=output.hidden[output.unpooled :]) if output.unpooled else output)
        assert output.reading is self
        computed: Numbers = output.hidden[0]
        return computed

    def kept(self, output: Output) -> Output:
        """See `Reading`; a copy, since a row of the states would keep all of them."""
        if self.pooled and output.pooled is None:
            return output
        return Reduced(np.array(self.vector(output), dtype=np.float32, ndmin=2), None, len(output), self)


def without_prompts(states: DeviceStates) -> DeviceStates:
    """A batch without the tokens that pooling leaves out."""
    left_out = np.minimum(states.unpooled, np.asarray(states.lengths) - 1)
    ends = np.asarray(states.starts[1:])
    firsts = np.asarray(states.starts[:-1]) + left_out
    places = np.concatenate([np.arange(first, end) for first, end in zip(firsts, ends, strict=True)])
    kept, offsets = upload([places, np.cumsum([0, *(ends - firsts)])], states.hidden.device)
    trimmed = DeviceStates(states.hidden.index_select(0, kept), states.pooled, (ends - firsts).tolist(), offsets)
    trimmed.unpooled = left_out.tolist()
    return trimmed


def reduced(how: str) -> Callable[[DeviceStates], Tensor]:
    """`mean`, `sum` or `max` over each sequence, in float32; `unsafe`, since a check of offsets would wait for them."""
    return lambda states: torch.segment_reduce(states.hidden.float(), how, offsets=states.offsets, axis=0, unsafe=True)


def mean(states: DeviceStates) -> Tensor:
    """Over each sequence; `segment_reduce` has a thread per column, which is slow for a lone long text."""
    if len(states.lengths) == 1:
        return states.hidden.mean(0, keepdim=True, dtype=torch.float32)
    return reduced("mean")(states)


def pooler(output: Output) -> Numbers:
    """The checkpoint's own pooler."""
    if output.pooled is None:
        raise Invalid('this checkpoint has no pooler; set "pooling" to mean, cls or max')
    return output.pooled


def pooler_on_device(states: DeviceStates) -> Tensor:
    """The same of a batch."""
    if states.pooled is None:
        raise Invalid('this checkpoint has no pooler; set "pooling" to mean, cls or max')
    return states.pooled


def weighted(output: Output) -> Numbers:
    """The n-th token counts n times, tokens that are left out among those that are counted."""
    weights = np.arange(1, len(output.hidden) + 1, dtype=np.float32) + np.float32(output.unpooled)
    vector: Numbers = weights @ output.hidden / weights.sum()
    return vector


def weighted_on_device(states: DeviceStates) -> Tensor:
    """The same of a batch."""
    numbers = torch.arange(len(states.hidden), dtype=torch.int32, device=states.hidden.device)
    sequence = torch.searchsorted(states.end, numbers, right=True)
    weights = (numbers - states.first.index_select(0, sequence) + 1).float().unsqueeze(1)
    lengths = states.end - states.first
    sizes = lengths * (lengths + 1) / 2
    if any(states.unpooled):
        (before,) = upload([np.asarray(states.unpooled)], states.hidden.device)
        weights = weights + before.index_select(0, sequence).unsqueeze(1)
        sizes = sizes + lengths * before
    sums = torch.segment_reduce(states.hidden.float() * weights, "sum", offsets=states.offsets, axis=0, unsafe=True)
    return sums / sizes.unsqueeze(1)


def root_mean(states: DeviceStates) -> Tensor:
    """The sum over the root of the length."""
    return reduced("sum")(states) / (states.end - states.first).float().sqrt().unsqueeze(1)


POOLINGS: dict[str, Pooling] = {
    "mean": Pooling(  # as `mean`, in half its time
        lambda output: np.add.reduce(output.hidden) / np.float32(len(output.hidden)), mean
    ),
    "cls": Pooling(lambda output: output.hidden[0], lambda states: states.hidden.index_select(0, states.first)),
    "max": Pooling(lambda output: output.hidden.max(axis=0), reduced("max")),
    "pooler": Pooling(pooler, pooler_on_device, pooled=True),
    "mean_sqrt_len_tokens": Pooling(lambda output: output.hidden.sum(axis=0) / np.sqrt(len(output.hidden)), root_mean),
    "weightedmean": Pooling(weighted, weighted_on_device),
    "lasttoken": Pooling(
        lambda output: output.hidden[-1], lambda states: states.hidden.index_select(0, states.end - 1)
    ),
}


def modes(named: config.Pooling) -> tuple[config.Mode, ...]:
    """Those whose vectors are concatenated; one is a vector of its own."""
    return named if isinstance(named, tuple) else (named,)


def listed(named: config.Pooling) -> str:
    """For people."""
    return " and ".join(modes(named))


@cache
def find(named: config.Pooling) -> Pooling:
    """One of `POOLINGS`, or several as one whose vectors are as wide as theirs together."""
    parts = [POOLINGS[mode] for mode in modes(named)]
    if len(parts) == 1:
        return parts[0]
    return Pooling(
        lambda output: np.concatenate([part.host(output) for part in parts]),
        lambda states: torch.cat([part.device(states).float() for part in parts], dim=1),
        any(part.pooled for part in parts),
    )
