"""ONNX operations, one after the other, over the weights of a `packed.safetensors`.

Matrices are not copied into the graph: it refers to their places in the file, so that one copy serves two runtimes.
A matrix of 8-bit integers makes its linear quantize each token's values by that token's own range, so that an answer
does not depend on what else is in the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from handler.activations import ACTIVATIONS, MICROSOFT
from handler.runtimes.base import WEIGHTS
from scripts.packing.exports.weights import Weights

CENTRE = 128  # zero point of values around zero
NORMALIZATIONS = ("", "RMSNormalization", "LayerNormalization")
"""By how many tensors a normalisation has."""
SMALLEST = 1e-10  # scale of a row of zeros
ASYMMETRIC = (".qkv", ".down")
"""Linears whose inputs lean to one side: outlying channels, GELU. A zero point per row keeps them one bit finer, at the
price of a second product; for the others it changes the rank correlation of cosines by less than 0.001."""


class Graph:
    """Nodes and constants so far. Methods add some and return the name of the result."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, onnx.TensorProto] = {}

    def nodes_of(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """One operation with several outputs."""
        names = [f"{kind}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=names[0], **attributes))
        return names

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One operation with one output."""
        return self.nodes_of(kind, *inputs, outputs=1, **attributes)[0]

    def constant(self, value: Any, kind: type = np.int64) -> str:
        """A small array inside the graph."""
        array: NDArray[Any] = np.asarray(value, dtype=kind)
        name = f"constant_{array.dtype}_{array.tolist()}" if array.size < 8 else f"constant_{len(self.tensors)}"
        self.tensors.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def weight(self, name: str) -> str:
        """A tensor of the file: matrices by reference, vectors by value."""
        matrix = len(self.weights.shape(name)) > 1
        if name not in self.tensors:
            self.tensors[name] = self.refer(name) if matrix else numpy_helper.from_array(self.weights.read(name), name)
        return name

    def refer(self, name: str) -> onnx.TensorProto:
        """A tensor whose values stay in the file."""
        kind = helper.np_dtype_to_tensor_dtype(self.weights.dtype(name))
        tensor = onnx.TensorProto(name=name, dims=self.weights.shape(name), data_type=kind)
        tensor.data_location = TensorProto.EXTERNAL
        offset, length = self.weights.byte_range(name)
        for key, value in {"location": WEIGHTS, "offset": offset, "length": length}.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def normalize(self, states: str, name: str) -> str:
        """Normalisation, by the root mean square where there is no bias, and none without a weight.

        The fused `SkipLayerNormalization` takes eight times as long on a CPU.
        """
        weights = [self.weight(each) for each in (f"{name}.weight", f"{name}.bias") if each in self.weights]
        kind = NORMALIZATIONS[len(weights)]
        return self.node(kind, states, *weights, axis=-1, epsilon=self.weights.encoder.eps) if kind else states

    def activate(self, states: str, name: str) -> str:
        """One of `handler.activations`."""
        found = ACTIVATIONS[name].onnx
        assert found is not None  # no layer has another
        if found.most is not None:
            states = self.node("Min", states, self.constant(found.most, np.float32))
        return self.node(found.operator, states, domain=found.domain, **found.attributes)

    def linear(self, states: str, name: str) -> str:
        """`states @ weight + bias`."""
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        if self.weights.dtype(weight) == np.float32:
            return self.node("Gemm", states, weight, bias)
        if f"{name}.smooth" in self.weights:
            states = self.node("Mul", states, self.weight(f"{name}.smooth"))
        product = self.asymmetric_matmul if name.endswith(ASYMMETRIC) else self.symmetric_matmul
        return self.node("Add", product(states, weight, f"{name}.scale"), bias)

    def symmetric_matmul(self, states: str, weight: str, scale: str) -> str:
        """A product in 8 bits, for values around zero."""
        step = self.step(self.node("ReduceMax", self.node("Abs", states), self.constant([-1])), 127)
        shape = self.node("Shape", states, start=0, end=1)
        centre = helper.make_tensor("centre", TensorProto.UINT8, [1], [CENTRE])
        zero = self.node("ConstantOfShape", shape, value=centre)
        return self.node("Mul", self.multiply(states, step, zero, weight, scale, CENTRE), step)

    def asymmetric_matmul(self, states: str, weight: str, scale: str) -> str:
        """A product in 8 bits, for values that lean to one side.

        The sum over k of (q - zero) * w is (the sum of q * w) - zero * (the sum of w).
        """
        nothing, last = self.constant(0, np.float32), self.constant([-1])
        low = self.node("Min", self.node("ReduceMin", states, last), nothing)
        high = self.node("Max", self.node("ReduceMax", states, last), nothing)
        step = self.step(self.node("Sub", high, low), 255)
        zero = self.node("Round", self.node("Neg", self.node("Div", low, step)))
        whole = self.node("Squeeze", self.node("Cast", zero, to=TensorProto.UINT8), self.constant([1]))
        product = self.multiply(states, step, whole, weight, scale, 0)
        sums = self.weights.read(weight).sum(0, dtype=np.int64) * self.weights.read(scale)
        return self.node("Mul", self.node("Gemm", zero, self.constant(-sums[None], np.float32), product), step)

    def step(self, span: str, levels: int) -> str:
        """Width of one level of each row, `(tokens, 1)`."""
        width = self.node("Mul", span, self.constant(1 / levels, np.float32))
        return self.node("Max", width, self.constant(SMALLEST, np.float32))

    def multiply(self, states: str, step: str, zero: str, weight: str, scale: str, offset: int) -> str:
        """`(states / step + zero - offset) @ weight` in integers, times the scale of each column."""
        small = self.node("QuantizeLinear", states, self.node("Squeeze", step, self.constant([1])), zero, axis=0)
        one, none = self.constant(1, np.float32), self.constant(0, np.int8)
        levels = self.constant(offset, np.uint8)
        inputs = small, weight, one, self.weight(scale), levels, none
        return self.node("MatMulIntegerToFloat", *inputs, domain=MICROSOFT)
