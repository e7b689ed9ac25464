"""How fast this machine multiplies a model's matrices right now: what engines are held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from handler.cores import cores
from scripts.load.workload import ModelShape

ROWS = 1024  # tokens of one forward pass on a CPU
REPEATS = 5
REST_SECONDS = 0.03  # threads of OpenBLAS hold their cores that long after a product, waiting for the next
OPSET, IR_VERSION = 17, 8  # any with `MatMul` will do

Matrix = np.ndarray[Any, np.dtype[np.float32]]
Operands = Sequence[tuple[Matrix, Matrix, Matrix]]
"""Of each product: left, right, and where the result goes."""
Pass = Callable[[], object]


class PeakGemm:
    """The products of one layer in float32, `ROWS` tokens at once, by each library at hand with all cores.

    A pass is all of them, and a library's rate is that of its median pass. The ceiling is the rate of the fastest
    library, so an engine that takes each product from the library that is best at it may come out above.

    Attributes:
        flops: floating-point operations of a pass.
        passes: library -> what runs one.
        won: library -> how often it was the fastest.
    """

    def __init__(self, shape: ModelShape) -> None:
        matrices = operands(shape)
        self.flops = float(sum(2 * left.size * right.shape[1] for left, right, _ in matrices))
        self.passes = {library: make(matrices) for library, make in LIBRARIES.items()}
        self.won: Counter[str] = Counter()

    def measure(self) -> float:
        """FLOP/s of the fastest library; takes 0.3 s for MiniLM's shape on two cores."""
        before = torch.get_num_threads()
        torch.set_num_threads(cores())
        taken = {library: seconds(run) for library, run in self.passes.items()}
        torch.set_num_threads(before)
        fastest = min(taken, key=taken.__getitem__)
        self.won[fastest] += 1
        return self.flops / taken[fastest]


def operands(shape: ModelShape) -> Operands:
    """Random `(ROWS, in)`, `(in, out)` and empty `(ROWS, out)` for the four products of a layer."""
    random = np.random.default_rng(0)
    sizes = [
        (shape.hidden, 3 * shape.hidden),
        (shape.hidden, shape.hidden),
        (shape.hidden, shape.intermediate_size),
        (shape.intermediate_size, shape.hidden),
    ]
    return [
        (
            random.standard_normal((ROWS, inputs), np.float32),
            random.standard_normal((inputs, outputs), np.float32),
            np.empty((ROWS, outputs), np.float32),
        )
        for inputs, outputs in sizes
    ]


def seconds(run: Pass) -> float:
    """Of the median pass, after one that wakes the library's threads."""
    taken = []
    for _ in range(1 + REPEATS):
        start = perf_counter()
        run()
        taken.append(perf_counter() - start)
    sleep(REST_SECONDS)
    return median(taken[1:])


def numpy_pass(matrices: Operands) -> Pass:
    """OpenBLAS, as it is installed and set; it takes all cores by itself."""

    def run() -> None:
        for left, right, result in matrices:
            np.matmul(left, right, out=result)

    return run


def torch_pass(matrices: Operands) -> Pass:
    """MKL on x86."""
    tensors = [tuple(torch.from_numpy(matrix) for matrix in each) for each in matrices]

    def run() -> None:
        for left, right, result in tensors:
            torch.mm(left, right, out=result)

    return run


def onnxruntime_pass(matrices: Operands) -> Pass:
    """A graph of nothing but the products, its right sides rearranged once, as in the `onnx` runtime.

    Everything stays where it is between passes, since copying the results out is no part of a product.
    """
    nodes = [helper.make_node("MatMul", [f"left{n}", f"right{n}"], [f"result{n}"]) for n in range(len(matrices))]
    describe = partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT)
    inputs = [describe(f"left{n}", shape=left.shape) for n, (left, _, _) in enumerate(matrices)]
    outputs = [describe(f"result{n}", shape=result.shape) for n, (_, _, result) in enumerate(matrices)]
    weights = [numpy_helper.from_array(right, f"right{n}") for n, (_, right, _) in enumerate(matrices)]
    graph = helper.make_graph(nodes, "products", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # equally fast, and leaves others alone
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    bound = session.io_binding()
    for n, (left, _, result) in enumerate(matrices):
        bound.bind_cpu_input(f"left{n}", left)
        bound.bind_output(f"result{n}", "cpu", 0, np.float32, result.shape, result.ctypes.data)
    return partial(session.run_with_iobinding, bound)


LIBRARIES: dict[str, Callable[[Operands], Pass]] = {
    "numpy": numpy_pass,
    "torch": torch_pass,
    "onnxruntime": onnxruntime_pass,
}
