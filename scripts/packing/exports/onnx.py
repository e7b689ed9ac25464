"""The packed encoder as an ONNX graph, for the `onnx` runtime and for any ONNX Runtime elsewhere.

Outside it has the usual names and shapes: `input_ids`, `attention_mask` and `token_type_ids`, `(batch, length)` each,
to `last_hidden_state` `(batch, length, hidden)` and `pooler_output` `(batch, hidden)`. Inside it drops the padding at
once: embeddings, linears and normalisations run on real tokens, and attention alone sees the padded shape. States of
padded positions are those of some real token.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from handler.activations import MICROSOFT
from handler.runtimes.base import GRAPH, WEIGHTS
from scripts.packing.exports.disentangled import Relative
from scripts.packing.exports.graph import Graph
from scripts.packing.exports.weights import Weights

OPSET, IR_VERSION = 23, 11  # the first with `Attention`; ONNX Runtime has it since 1.23
MASK_VALUE = 1e9  # below all scores, for what must not be looked at
DYNAMIC_AXES = ["batch", "length"]

Pair = tuple[str, str]
Attend = Callable[[str], str]
"""From queries, keys and values, `(tokens, 3 * hidden)`, to `(tokens, hidden)`."""


class Encoder:
    """Adds the model's parts to a graph."""

    def __init__(self, weights: Weights) -> None:
        self.graph = Graph(weights)
        self.encoder = weights.encoder
        self.hidden = weights.encoder.hidden
        self.key_heads = weights.encoder.key_heads or weights.encoder.heads

    def build(self) -> None:
        """All of it, from the inputs to the outputs."""
        graph = self.graph
        masks = {window: self.mask(window) for window in dict.fromkeys(self.encoder.windows or [0])}
        angles = {number: self.angles(number) for number in dict.fromkeys(self.encoder.rotary)}
        self.relative = Relative(graph, self.length(), self.encoder.heads) if "relative_rows" in graph.weights else None
        flat = graph.node("Reshape", "attention_mask", graph.constant([-1]))
        token_indices = graph.node(
            "Squeeze", graph.node("NonZero", flat), graph.constant([0])
        )  # (tokens,) places in the batch
        order = graph.node("Sub", graph.node("CumSum", flat, graph.constant(0)), graph.constant(1))
        order = graph.node("Max", order, graph.constant(0))
        padded = graph.node("Reshape", order, graph.node("Shape", "attention_mask"))  # (batch, length) which token
        states = self.embed(token_indices)
        for place, number in enumerate(self.encoder.layers):
            turned = angles[self.encoder.rotary[place]] if angles else None

            def attend(
                qkv: str,
                mask: str = masks[self.encoder.window(place)],
                turned: Pair | None = turned,
                layer: str = f"layers.{number}",
            ) -> str:
                return self.attend(graph.node("Gather", qkv, padded), mask, turned, token_indices, layer)

            states = (self.norm_first if self.encoder.norm_first else self.norm_last)(
                f"layers.{number}", states, attend
            )
        states = graph.normalize(states, "final_norm")
        graph.nodes.append(helper.make_node("Gather", [states, padded], ["last_hidden_state"], axis=0))
        if "pooler.weight" in graph.weights:
            first = graph.node("Gather", "last_hidden_state", graph.constant(0), axis=1)
            graph.nodes.append(helper.make_node("Tanh", [graph.linear(first, "pooler")], ["pooler_output"]))

    def mask(self, window: int) -> str:
        """`(batch, 1 or heads, length, length)`: what `Attention` adds to scores. Padding is for no query."""
        graph = self.graph
        token_indices = graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
        below = graph.node("Sub", token_indices, graph.constant(1, np.float32))
        keys = graph.node("Mul", below, graph.constant(MASK_VALUE, np.float32))
        shape = graph.node("Shape", "attention_mask")
        batch, length = graph.node("Gather", shape, graph.constant([0])), self.length()
        whole = graph.node("Concat", batch, graph.constant([1]), length, length, axis=0)
        added = graph.node("Expand", graph.node("Unsqueeze", keys, graph.constant([1, 2])), whole)
        if "attention_bias" in graph.weights:
            added = graph.node("Add", added, self.attention_bias(length))
        return graph.node("Add", added, self.beyond(window, length)) if window else added

    def length(self) -> str:
        """`(1,)`."""
        return self.graph.node("Gather", self.graph.node("Shape", "attention_mask"), self.graph.constant([1]))

    def distances(self, length: str) -> str:
        """`(length, length)`: places of keys less those of queries."""
        graph = self.graph
        places = graph.node("Range", graph.constant(0), graph.node("Squeeze", length), graph.constant(1))
        return graph.node("Sub", places, graph.node("Unsqueeze", places, graph.constant([1])))

    def attention_bias(self, length: str) -> str:
        """`(heads, length, length)`: what the distance of a key from a query adds."""
        graph = self.graph
        centre = graph.constant(graph.weights.shape("attention_bias")[1] // 2)
        distances = graph.node("Add", self.distances(length), centre)
        return graph.node("Gather", graph.weight("attention_bias"), distances, axis=1)

    def beyond(self, window: int, length: str) -> str:
        """`(length, length)`: below all scores for what is too far away."""
        graph = self.graph
        far = graph.node("Greater", graph.node("Abs", self.distances(length)), graph.constant(window))
        return graph.node("Mul", graph.node("Cast", far, to=TensorProto.FLOAT), graph.constant(-MASK_VALUE, np.float32))

    def angles(self, number: int) -> Pair:
        """Cosines and sines, `(batch, length, size / 2)` each."""
        graph = self.graph
        positions = graph.node("Cast", self.positions(), to=TensorProto.FLOAT)
        positions = graph.node("Unsqueeze", positions, graph.constant([2]))
        turns = graph.node("Mul", positions, graph.weight(f"rotary.{number}"))
        return graph.node("Cos", turns), graph.node("Sin", turns)

    def embed(self, token_indices: str) -> str:
        """`(tokens, hidden)`: words, positions and types, normalised, and as wide as the layers."""
        graph = self.graph
        states = self.gather_embeddings("word", "input_ids", token_indices)
        if "position" in graph.weights:
            states = graph.node("Add", states, self.gather_embeddings("position", self.positions(), token_indices))
        if "type" in graph.weights:
            states = graph.node("Add", states, self.gather_embeddings("type", "token_type_ids", token_indices))
        if self.encoder.norm_projected:
            return graph.normalize(self.project(states), "norm")
        return self.project(graph.normalize(states, "norm"))

    def project(self, states: str) -> str:
        """`(tokens, embedding)` to `(tokens, hidden)`, where these differ."""
        return self.graph.linear(states, "projection") if "projection.weight" in self.graph.weights else states

    def positions(self) -> str:
        """`(batch, length)` rows of the table of positions; see `handler.runtimes.indices.position_rows`."""
        graph, first = self.graph, self.encoder.first_position
        shape = graph.node("Shape", "input_ids")
        if not first:
            length = graph.node("Gather", shape, graph.constant(1))
            return graph.node("Expand", graph.node("Range", graph.constant(0), length, graph.constant(1)), shape)
        padding = graph.constant(first - 1)
        counted = graph.node("Not", graph.node("Equal", "input_ids", padding))
        counted = graph.node("Cast", counted, to=TensorProto.INT64)
        order = graph.node("Mul", graph.node("CumSum", counted, graph.constant(1)), counted)
        return graph.node("Add", order, padding)

    def gather_embeddings(self, table: str, indices: str, token_indices: str) -> str:
        """Rows of a table for the real tokens."""
        graph = self.graph
        chosen = graph.node("Gather", graph.node("Reshape", indices, graph.constant([-1])), token_indices)
        return graph.node("Gather", graph.weight(table), chosen)

    def attend(self, qkv: str, mask: str, turned: Pair | None, token_indices: str, layer: str) -> str:
        """`(batch, length, 3 * hidden)` to what the heads see, `(tokens, hidden)`."""
        graph, heads = self.graph, self.encoder.heads
        shared = self.hidden // heads * self.key_heads
        sizes = graph.constant([self.hidden, shared, shared])
        query, key, value = graph.nodes_of("Split", qkv, sizes, outputs=3, axis=2)
        if turned:
            query = graph.node("RotaryEmbedding", query, *turned, num_heads=heads)
            key = graph.node("RotaryEmbedding", key, *turned, num_heads=self.key_heads)
        if self.relative:
            mask = self.relative.added(mask, layer, query, key)
        mixed = graph.node("Attention", query, key, value, mask, q_num_heads=heads, kv_num_heads=self.key_heads)
        return graph.node("Gather", graph.node("Reshape", mixed, graph.constant([-1, self.hidden])), token_indices)

    def norm_last(self, name: str, states: str, attend: Attend) -> str:
        """A layer that normalises what its halves add up to."""
        graph = self.graph
        mixed = attend(graph.linear(states, f"{name}.qkv"))
        states = graph.normalize(graph.node("Add", graph.linear(mixed, f"{name}.out"), states), f"{name}.norm1")
        return graph.normalize(self.feed_forward(name, states, states), f"{name}.norm2")

    def norm_first(self, name: str, states: str, attend: Attend) -> str:
        """A layer that normalises what its halves read; the first one may find that done."""
        graph = self.graph
        mixed = attend(graph.linear(graph.normalize(states, f"{name}.norm1"), f"{name}.qkv"))
        states = graph.node("Add", graph.linear(mixed, f"{name}.out"), states)
        return self.feed_forward(name, graph.normalize(states, f"{name}.norm2"), states)

    def feed_forward(self, name: str, states: str, residual: str) -> str:
        """What the feed-forward network makes of states, and the residual."""
        graph, activation = self.graph, self.encoder.activation
        wide = graph.linear(states, f"{name}.up")
        if self.encoder.gated:
            first, second = graph.nodes_of("Split", wide, outputs=2, axis=1, num_outputs=2)
            wide = graph.node("Mul", graph.activate(first, activation), second)
        else:
            wide = graph.activate(wide, activation)
        return graph.node("Add", graph.linear(wide, f"{name}.down"), residual)


def write(folder: Path) -> None:
    """Write the graph beside the `packed.safetensors` of the same folder."""
    encoder = Encoder(Weights(folder / WEIGHTS))
    encoder.build()
    graph = encoder.graph
    names = ["input_ids", "attention_mask", "token_type_ids"][: 3 if "type" in graph.weights else 2]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, DYNAMIC_AXES) for name in names]
    shapes: dict[str, list[str | int | None]] = {"last_hidden_state": [*DYNAMIC_AXES, encoder.hidden]}
    if "pooler.weight" in graph.weights:
        shapes["pooler_output"] = [DYNAMIC_AXES[0], encoder.hidden]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    made = helper.make_graph(graph.nodes, "encoder", inputs, outputs, list(graph.tensors.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(made, producer_name="bert-on-torchserve", opset_imports=opsets, ir_version=IR_VERSION)
    (folder / GRAPH).write_bytes(model.SerializeToString())
