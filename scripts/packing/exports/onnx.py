"""The packed encoder as an ONNX graph, for the `onnx` runtime and for any ONNX Runtime elsewhere.

Outside it has the usual names and shapes: `input_ids`, `attention_mask` and `token_type_ids`, `(batch, length)` each,
to `last_hidden_state` `(batch, length, hidden)` and `pooler_output` `(batch, hidden)`. Inside it drops the padding at
once: embeddings, linears and normalisations run on real tokens, and attention alone sees the padded shape. States of
padded positions are those of some real token.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from handler.activations import MICROSOFT
from handler.runtimes.base import GRAPH, WEIGHTS
from scripts.packing.exports.graph import Graph
from scripts.packing.exports.weights import Weights

OPSET, IR_VERSION = 23, 11  # the first with `Attention`; ONNX Runtime has it since 1.23
MASK_VALUE = 1e9  # below all scores, for what must not be looked at
DYNAMIC_AXES = ["batch", "length"]


class Encoder:
    """Adds the model's parts to a graph."""

    def __init__(self, weights: Weights) -> None:
        self.graph = Graph(weights)
        self.encoder = weights.encoder
        self.hidden = weights.encoder.hidden

    def build(self) -> None:
        """All of it, from the inputs to the outputs."""
        graph = self.graph
        mask = self.mask()
        flat = graph.node("Reshape", "attention_mask", graph.constant([-1]))
        token_indices = graph.node(
            "Squeeze", graph.node("NonZero", flat), graph.constant([0])
        )  # (tokens,) places in the batch
        order = graph.node("Sub", graph.node("CumSum", flat, graph.constant(0)), graph.constant(1))
        order = graph.node("Max", order, graph.constant(0))
        padded = graph.node("Reshape", order, graph.node("Shape", "attention_mask"))  # (batch, length) which token
        states = self.embed(token_indices)
        for number in self.encoder.layers:
            states = self.layer(f"layers.{number}", states, mask, token_indices, padded)
        graph.nodes.append(helper.make_node("Gather", [states, padded], ["last_hidden_state"], axis=0))
        if "pooler.weight" in graph.weights:
            first = graph.node("Gather", "last_hidden_state", graph.constant(0), axis=1)
            graph.nodes.append(helper.make_node("Tanh", [graph.linear(first, "pooler")], ["pooler_output"]))

    def mask(self) -> str:
        """`(batch, 1 or heads, length, length)`: what `Attention` adds to scores. Padding is for no query."""
        graph = self.graph
        token_indices = graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
        below = graph.node("Sub", token_indices, graph.constant(1, np.float32))
        keys = graph.node("Mul", below, graph.constant(MASK_VALUE, np.float32))
        shape = graph.node("Shape", "attention_mask")
        batch, length = (graph.node("Gather", shape, graph.constant([axis])) for axis in (0, 1))
        whole = graph.node("Concat", batch, graph.constant([1]), length, length, axis=0)
        added = graph.node("Expand", graph.node("Unsqueeze", keys, graph.constant([1, 2])), whole)
        return graph.node("Add", added, self.attention_bias(length)) if "attention_bias" in graph.weights else added

    def attention_bias(self, length: str) -> str:
        """`(heads, length, length)`: what the distance of a key from a query adds."""
        graph = self.graph
        centre = graph.constant(graph.weights.shape("attention_bias")[1] // 2)
        places = graph.node("Range", graph.constant(0), graph.node("Squeeze", length), graph.constant(1))
        queries = graph.node("Unsqueeze", places, graph.constant([1]))
        distances = graph.node("Add", graph.node("Sub", places, queries), centre)
        return graph.node("Gather", graph.weight("attention_bias"), distances, axis=1)

    def embed(self, token_indices: str) -> str:
        """`(tokens, hidden)`: words, positions and types, normalised, and as wide as the layers."""
        graph = self.graph
        states = self.gather_embeddings("word", "input_ids", token_indices)
        states = graph.node("Add", states, self.gather_embeddings("position", self.positions(), token_indices))
        if "type" in graph.weights:
            states = graph.node("Add", states, self.gather_embeddings("type", "token_type_ids", token_indices))
        states = graph.normalize(states, "norm")
        return graph.linear(states, "projection") if "projection.weight" in graph.weights else states

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

    def layer(self, name: str, states: str, mask: str, token_indices: str, padded: str) -> str:
        """One transformer layer."""
        graph = self.graph
        qkv = graph.node("Gather", graph.linear(states, f"{name}.qkv"), padded)
        parts = graph.nodes_of("Split", qkv, graph.constant([self.hidden] * 3), outputs=3, axis=2)
        heads = self.encoder.heads
        mixed = graph.node("Attention", *parts, mask, q_num_heads=heads, kv_num_heads=heads)
        mixed = graph.node("Gather", graph.node("Reshape", mixed, graph.constant([-1, self.hidden])), token_indices)
        mixed = graph.node("Add", graph.linear(mixed, f"{name}.out"), states)
        states = graph.normalize(mixed, f"{name}.norm1")
        wide = graph.activate(graph.linear(states, f"{name}.up"), self.encoder.activation)
        return graph.normalize(graph.node("Add", graph.linear(wide, f"{name}.down"), states), f"{name}.norm2")


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
