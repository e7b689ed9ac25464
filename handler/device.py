"""Token states that stay on the device where they were computed, and what tasks read off them there.

A task needs a vector or a few scores of a text, which are small beside its states: copying the states would take
longer than computing them. So a `Reading` is computed on the device, for all sequences of a batch at once, and one copy
brings it to the host. The copy begins when the batch is computed and is waited for when somebody looks at the numbers,
so that the host can go on with the next batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handler.errors import BertError
from handler.types import Output

Numbers = NDArray[np.float32]
MAX_PINNED_FLOATS = 1 << 24
"""Floats of a copy that is not waited for, 64 MiB."""


class Reading(ABC):
    """What a task needs of token states."""

    tokens: bool = False
    """Whether it has a row per token; else one per sequence."""
    pooled: bool = False
    """Whether it needs a pooler, which not every checkpoint has."""

    @abstractmethod
    def on_device(self, states: DeviceStates) -> Tensor:
        """`(sequences, n)` or `(tokens, n)` of a whole batch."""

    @abstractmethod
    def on_host(self, outputs: Sequence[Output]) -> Numbers:
        """The same of some sequences, whose states are on the host."""

    def kept(self, output: Output) -> Output:
        """What it needs of an output whose states are on the host."""
        return output

    def of(self, outputs: Sequence[Output]) -> Numbers:
        """`(sequences, n)` or `(tokens, n)`, from where the states are.

        Raises:
            BertError: they overflowed.
        """
        there = [output for output in outputs if isinstance(output, DeviceOutput)]
        if not there:
            return self.on_host(outputs)
        rows = np.concatenate([output.rows(self) for output in there]) if self.tokens else gathered(self, there)
        if there[0].states.limited:
            check_finite(rows)
        return rows


class Hidden(Reading):
    """The states themselves."""

    tokens = True

    def on_device(self, states: DeviceStates) -> Tensor:
        """See `Reading`."""
        return states.hidden

    def on_host(self, outputs: Sequence[Output]) -> Numbers:
        """See `Reading`."""
        return np.concatenate([output.hidden for output in outputs])


class Pooled(Reading):
    """What the checkpoint's own pooler gives, which the runtime has computed."""

    pooled = True

    def on_device(self, states: DeviceStates) -> Tensor:
        """See `Reading`."""
        assert states.pooled is not None
        return states.pooled

    def on_host(self, outputs: Sequence[Output]) -> Numbers:
        """See `Reading`."""
        return np.stack([output.pooled for output in outputs if output.pooled is not None])


HIDDEN, POOLED = Hidden(), Pooled()


class DeviceStates:
    """The outcome of one forward pass.

    Args:
        hidden: `(tokens, hidden)`, sequences one after the other.
        pooled: `(sequences, hidden)`; None without a pooler.
        lengths: tokens of each sequence.
        offsets: `(sequences + 1,)` where each begins, on the device, and where the last one ends.

    Attributes:
        limited: whether states may have overflowed.
        unpooled: how many tokens of each, from its first on, pooling leaves out.
        first: `(sequences,)` where the first token of each is, on the device.
        end: the same of what follows the last token.
    """

    def __init__(self, hidden: Tensor, pooled: Tensor | None, lengths: Sequence[int], offsets: Tensor) -> None:
        self.hidden, self.pooled = hidden, pooled
        self.lengths, self.offsets = lengths, offsets
        self.limited = hidden.dtype == torch.float16
        self.unpooled = [0] * len(lengths)
        self.starts = [0, *accumulate(lengths)]
        self.first, self.end = (offsets.narrow(0, index, len(lengths)) for index in (0, 1))
        self.unread = len(lengths)
        self.readings: dict[Reading, HostCopy] = {}

    def outputs(self) -> list[Output]:
        """One per sequence."""
        return [DeviceOutput(self, number) for number in range(len(self.lengths))]

    def begin(self, reading: Reading) -> HostCopy:
        """Compute a reading, unless it has been, and send it to the host."""
        if reading not in self.readings:
            with torch.inference_mode():
                self.readings[reading] = HostCopy(reading.on_device(self))
        return self.readings[reading]

    def keep_for(self, reading: Reading | None) -> None:
        """One of the sequences needs that reading and nothing else; None for its states.

        Once nobody needs the states, their memory is the next batch's.
        """
        if reading is None or (reading.pooled and self.pooled is None):
            return
        self.begin(reading)
        self.unread -= 1
        if self.unread == 0:
            del self.hidden


class DeviceOutput(Output):
    """One sequence of `DeviceStates`."""

    __slots__ = ("number", "states")

    def __init__(self, states: DeviceStates, number: int) -> None:
        object.__setattr__(self, "states", states)  # an `Output` is frozen
        object.__setattr__(self, "number", number)

    states: DeviceStates
    number: int

    def __len__(self) -> int:
        return self.states.lengths[self.number]

    def keep_for(self, reading: Reading | None) -> Output:
        """See `Output.keep_for`."""
        self.states.keep_for(reading)
        return self

    def leaving_out(self, tokens: int) -> Output:
        """See `Output.leaving_out`; said before anything is kept for a reading."""
        self.states.unpooled[self.number] = tokens
        return self

    def rows(self, reading: Reading) -> Numbers:
        """Its own rows of a reading, as they are."""
        start, stop = self.bounds if reading.tokens else (self.number, self.number + 1)
        return self.states.begin(reading).array[start:stop]

    @property
    def bounds(self) -> tuple[int, int]:
        """Its tokens among those of the batch."""
        return self.states.starts[self.number], self.states.starts[self.number + 1]

    @property
    def hidden(self) -> Numbers:
        """See `Output`; brings the whole batch's to the host."""
        return self.checked(HIDDEN)

    @property
    def pooled(self) -> Numbers | None:
        """See `Output`."""
        return None if self.states.pooled is None else self.checked(POOLED)[0]

    def checked(self, reading: Reading) -> Numbers:
        """`rows`, if they are numbers.

        Raises:
            BertError: they overflowed.
        """
        rows = self.rows(reading)
        if self.states.limited:
            check_finite(rows)
        return rows


def gathered(reading: Reading, outputs: Sequence[DeviceOutput]) -> Numbers:
    """`(outputs, n)` of a reading by sequence: one gather per batch, since there may be thousands of outputs."""
    batches: dict[int, tuple[DeviceStates, list[int], list[int]]] = {}
    for index, output in enumerate(outputs):
        _, indices, numbers = batches.setdefault(id(output.states), (output.states, [], []))
        indices.append(index)
        numbers.append(output.number)
    parts = [(indices, states.begin(reading).array[numbers]) for states, indices, numbers in batches.values()]
    rows = np.empty((len(outputs), parts[0][1].shape[1]), dtype=np.float32)
    for indices, part in parts:
        rows[indices] = part
    return rows


def check_finite(numbers: Numbers) -> None:
    """Refuse what float16 has no number for; JSON would call it null.

    Raises:
        BertError: there is NaN or infinity.
    """
    if not np.isfinite(numbers).all():
        raise BertError("this text overflows float16 in this model; pack the model with --dtype bfloat16")


def tensor(output: Output) -> Tensor:
    """`(tokens, hidden)` where they are; of an output on a device after `keep_for(None)`."""
    if isinstance(output, DeviceOutput):
        start, stop = output.bounds
        return output.states.hidden[start:stop]
    return torch.from_numpy(np.ascontiguousarray(output.hidden))


class HostCopy:
    """Numbers on their way to the host, as float32. Page-locked memory is kept for ever, so large copies do without."""

    def __init__(self, numbers: Tensor) -> None:
        source = numbers.float()
        self.arrived: Any = None
        if source.device.type == "cuda" and source.numel() <= MAX_PINNED_FLOATS:
            self.host = torch.empty(source.shape, pin_memory=True)  # another would be waited for
            self.host.copy_(source, non_blocking=True)
            self.arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self.arrived.record()
        else:
            self.host = source.cpu()

    @property
    def array(self) -> Numbers:
        """The numbers; waits until they are here."""
        if self.arrived is not None:
            self.arrived.synchronize()
            self.arrived = None
        return self.host.numpy()


def pinned_buffer(count: int, device: torch.device) -> tuple[Tensor, NDArray[np.int32]]:
    """`(count,)` int32 on the host, twice the same memory; a GPU copies from such memory while the host goes on."""
    host = torch.empty(count, dtype=torch.int32, pin_memory=device.type == "cuda")
    return host, host.numpy()


def upload(arrays: Sequence[NDArray[Any]], device: torch.device) -> tuple[Tensor, ...]:
    """Indices of 32 bits on the device, in one copy."""
    sizes = [len(array) for array in arrays]
    host, values = pinned_buffer(sum(sizes), device)
    np.concatenate(arrays, out=values, casting="unsafe")
    return torch.split(host.to(device, non_blocking=True), sizes)


class Queue:
    """Keeps the host from running far ahead of a GPU: a deadline means little for work that waits there.

    Args:
        device: where passes are begun.
        most: passes that are begun and not finished.
    """

    def __init__(self, device: torch.device, most: int = 3) -> None:
        self.device, self.most = device, most
        self.begun: deque[torch.cuda.Event] = deque()

    def follow(self) -> None:
        """One more pass was begun; wait, asleep, until there are few. A CPU has finished it already."""
        if self.device.type != "cuda":
            return
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self.device))
        self.begun.append(event)
        while len(self.begun) > self.most:
            self.begun.popleft().synchronize()

    def finish(self) -> None:
        """Wait until there are none."""
        while self.begun:
            self.begun.popleft().synchronize()
