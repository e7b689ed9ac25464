"""CUDA graphs of small batches.

A forward pass is some ten kernels per layer, and the host takes longer to launch one than a GPU takes to compute it for
a few hundred tokens. A graph launches them all at once. It works on fixed addresses and shapes: a batch is copied to
where the graph reads, and filled up to the graph's size with a sequence of padding that nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from logging import getLogger

import numpy as np
import torch
from torch import Tensor

from handler.device import page_locked
from handler.runtimes.indices import Arrays, Indices

log = getLogger(__name__)

TOKENS = (32, 64, 128, 256, 512)
"""Sizes of graphs. For more a GPU computes longer than the host launches."""
SEQUENCES = 32
"""Of a batch that a graph takes."""

Pass = Callable[[], Tensor]
Encode = Callable[[Indices], Tensor]


class Graphs:
    """One graph per size, made when the model is loaded, so that no request waits for it.

    Args:
        encode: a forward pass, whose shapes depend on nothing but those of its indices.
        device: of the model.
        record: makes of a pass one that repeats it on the same addresses.
    """

    def __init__(self, encode: Encode, device: torch.device, record: Callable[[Pass], Pass]) -> None:
        self.graphs = [Graph(encode, tokens, device, record) for tokens in TOKENS]

    def fitting(self, lengths: Sequence[int]) -> Graph | None:
        """The smallest graph that takes sequences of these lengths; None where none does."""
        total = sum(lengths)
        return (
            next((graph for graph in self.graphs if graph.tokens >= total), None) if len(lengths) <= SEQUENCES else None
        )


class Graph:
    """A forward pass over a fixed number of tokens."""

    def __init__(self, encode: Encode, tokens: int, device: torch.device, record: Callable[[Pass], Pass]) -> None:
        self.tokens = tokens
        self.sizes = [tokens, tokens, SEQUENCES + 2, tokens]
        self.inputs = torch.zeros(sum(self.sizes), dtype=torch.int32, device=device)
        self.indices = Indices([tokens], *torch.split(self.inputs, self.sizes))
        self.indices.offsets[1:] = tokens
        self.repeat = record(lambda: encode(self.indices))

    def run(self, lengths: Sequence[int], arrays: Arrays) -> tuple[Tensor, Indices]:
        """`(total tokens, hidden)` states and the batch, copied: what the graph wrote is the next batch's."""
        host, values = page_locked(sum(self.sizes), self.inputs.device)
        parts = np.split(values, [*accumulate(self.sizes)][:-1])
        for part, array, rest in zip(parts, arrays, (0, 0, self.tokens, 0), strict=True):
            part[: len(array)] = array
            part[len(array) :] = rest  # the padding ends with the graph, and what follows it is empty
        self.inputs.copy_(host, non_blocking=True)
        total = sum(lengths)
        states = self.repeat()[:total].clone()
        sizes = (total, total, len(lengths) + 1, len(arrays[-1]))
        kept = [part[:size].clone() for part, size in zip(torch.split(self.inputs, self.sizes), sizes, strict=True)]
        return states, Indices(lengths, *kept)


def capture(encode: Pass) -> Pass:
    """A CUDA graph of the pass, after two runs that set up libraries and memory."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            encode()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        states = encode()

    def repeat() -> Tensor:
        graph.replay()
        return states

    return repeat


def make(encode: Encode, device: torch.device) -> Graphs | None:
    """Graphs on that device; None where they cannot be captured, which costs small batches some time, no more."""
    try:
        with torch.inference_mode():
            return Graphs(encode, device, capture)
    except RuntimeError as error:
        log.warning("no CUDA graphs: %s", str(error).splitlines()[0])
        return None
