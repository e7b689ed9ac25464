"""CUDA graphs of small batches.

A forward pass is some ten kernels per layer, and the host takes longer to launch one than a GPU takes to compute it for
a few hundred tokens. A graph launches them all at once. It works on fixed addresses and shapes: a batch is copied to
where the graph reads, and filled up to the graph's size with a sequence of padding that nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate
from logging import getLogger
from typing import Any

import numpy as np
import torch
from torch import Tensor

from handler.device import pinned_buffer
from handler.runtimes.indices import Arrays, Indices

log = getLogger(__name__)

TOKENS = (32, 64, 128, 256, 512, 768, 1024, 1536, 2048)
"""Sizes of graphs. For more a GPU computes longer than the host launches."""
SEQUENCES = 64
"""Of a batch that a graph takes."""
FREE = 1 << 30
"""Bytes that a device must have left: a capture that runs out of memory would leave torch's allocator in disorder."""

Pass = Callable[[], Tensor]
Encode = Callable[[Indices], Tensor]


class Graphs:
    """One graph per size, made when the model is loaded, so that no request waits for it.

    Args:
        encode: a forward pass, whose shapes depend on nothing but those of its indices.
        longest: tokens of the longest sequence.
        device: of the model.
        record: makes of a pass one that repeats it on the same addresses.
    """

    def __init__(self, encode: Encode, longest: int, device: torch.device, record: Callable[[Pass], Pass]) -> None:
        self.graphs = [Graph(encode, tokens, longest, device, record) for tokens in TOKENS]

    def smallest_fitting(self, lengths: Sequence[int]) -> Graph | None:
        """The smallest graph that takes sequences of these lengths; None where none does."""
        total = sum(lengths)
        if len(lengths) > SEQUENCES:
            return None
        return next((graph for graph in self.graphs if graph.tokens >= total), None)


class Graph:
    """A forward pass over a fixed number of tokens."""

    def __init__(
        self, encode: Encode, tokens: int, longest: int, device: torch.device, record: Callable[[Pass], Pass]
    ) -> None:
        self.tokens = tokens
        self.sizes = [tokens, tokens, SEQUENCES + 2, tokens]
        self.inputs = torch.zeros(sum(self.sizes), dtype=torch.int32, device=device)
        lengths = [min(tokens, longest)]  # attention looks no further; padding may be longer, and nobody reads its rows
        self.indices = Indices(lengths, *torch.split(self.inputs, self.sizes))
        self.indices.offsets[1:] = tokens
        self.repeat = record(lambda: encode(self.indices))

    def run(self, lengths: Sequence[int], arrays: Arrays) -> tuple[Tensor, Indices]:
        """`(total tokens, hidden)` states and the batch, as copies: the graph's own are the next batch's."""
        host, values = pinned_buffer(sum(self.sizes), self.inputs.device)
        parts = np.split(values, [*accumulate(self.sizes)][:-1])
        for part, array, rest in zip(parts, arrays, (0, 0, self.tokens, 0), strict=True):
            part[: len(array)] = array
            part[len(array) :] = rest  # the padding ends with the graph, and what follows it is empty
        self.inputs.copy_(host, non_blocking=True)
        states = self.repeat()[: sum(lengths)].clone()
        offsets = self.indices.offsets.narrow(0, 0, len(lengths) + 1).clone()
        return states, replace(self.indices, lengths=lengths, offsets=offsets)  # the rest has been read


class Capture:
    """Records passes as CUDA graphs, all on one stream and with one pool of memory: each replay is copied at once."""

    def __init__(self) -> None:
        self.stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, encode: Pass) -> Pass:
        """A pass that repeats it; two runs before it is recorded set up libraries and memory."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            for _ in range(2):
                encode()
        torch.cuda.current_stream().wait_stream(self.stream)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                states = encode()
        except RuntimeError:
            self.abandon()
            raise

        def repeat() -> Tensor:
            graph.replay()
            return states

        return repeat

    def abandon(self) -> None:
        """What torch 2.11 leaves undone when a capture fails (pytorch#180395): the stream, and the allocator's mark."""
        torch.cuda.set_stream(torch.cuda.default_stream())
        with suppress(RuntimeError):
            torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), self.pool)


def make(encode: Encode, longest: int, device: torch.device) -> Graphs | None:
    """Graphs on that device; None where they cannot be captured, which costs small batches some time, no more."""
    if torch.cuda.mem_get_info(device)[0] < FREE:
        log.warning("no CUDA graphs: less than %d MiB are free", FREE >> 20)
        return None
    try:
        with torch.inference_mode():
            return Graphs(encode, longest, device, Capture())
    except RuntimeError as error:
        log.warning("no CUDA graphs: %s", str(error).splitlines()[0])
        return None
