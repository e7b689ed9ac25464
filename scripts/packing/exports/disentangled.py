"""What relative positions add to attention's scores, as ONNX operations; see `handler.runtimes.disentangled`."""

from __future__ import annotations

from onnx import TensorProto

from handler.kernels.structures import RELATIVE
from scripts.packing.exports.graph import Graph


class Relative:
    """Of one length, for all layers: which positions are reached, and where products with them lie.

    Args:
        graph: that gets the operations.
        length: `(1,)`, of the sequences.
        heads: of attention.
    """

    def __init__(self, graph: Graph, length: str, heads: int) -> None:
        self.graph, self.heads = graph, heads
        farthest = graph.weights.shape("relative_rows")[0] // 2
        places = graph.node("Range", graph.constant(0), graph.node("Squeeze", length), graph.constant(1))
        last = graph.node("Sub", length, graph.constant([1]))
        self.limits = graph.constant(-farthest), graph.constant(farthest), graph.constant(farthest)
        self.first = self.row(graph.node("Neg", last))
        self.end = graph.node("Add", self.row(last), graph.constant([1]))
        across = graph.node("Sub", self.end, self.first)
        own = graph.node("Unsqueeze", places, graph.constant([1]))
        reached = graph.node("Sub", self.row(graph.node("Sub", places, own)), self.first)
        self.indices = [graph.node("Add", graph.node("Mul", of, across), reached) for of in (own, places)]

    def row(self, distance: str) -> str:
        """The relative position for the places of keys minus those of queries."""
        graph, (least, most, centre) = self.graph, self.limits
        index = graph.node("Add", graph.node("Clip", distance, least, most), centre)
        return graph.node("Cast", graph.node("Gather", graph.weight("relative_rows"), index), to=TensorProto.INT64)

    def added(self, scores: str, layer: str, query: str, key: str) -> str:
        """`(batch, 1 or heads, length, length)` and what a layer adds.

        Args:
            scores: what there is.
            layer: name of its weights.
            query: `(batch, length, hidden)`.
            key: the same.
        """
        graph = self.graph
        for name, states, index in zip(RELATIVE, (query, key), self.indices, strict=True):
            if f"{layer}.{name}" in graph.weights:
                table = graph.node("Slice", graph.weight(f"{layer}.{name}"), self.first, self.end, graph.constant([2]))
                split = graph.node("Reshape", states, graph.constant([0, 0, self.heads, -1]))
                products = graph.node("MatMul", graph.node("Transpose", split, perm=[0, 2, 1, 3]), table)
                flat = graph.node("Reshape", products, graph.constant([0, 0, -1]))
                scores = graph.node("Add", scores, graph.node("Gather", flat, index, axis=2))
        return scores
