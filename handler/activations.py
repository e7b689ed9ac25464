"""Activation functions: one row each, with what every engine and library calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, mish, silu

Function = Callable[[Tensor], Tensor]
MICROSOFT = "com.microsoft"
"""ONNX Runtime's own operators."""
QUICK = 1.702


@dataclass(frozen=True, slots=True)
class Onnx:
    """An operator of ONNX."""

    operator: str
    domain: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    most: float | None = None
    """What larger values are taken for."""


@dataclass(frozen=True, slots=True)
class Activation:
    """One of them; what is None or empty is not to be had.

    Attributes:
        apply: to a tensor.
        in_place: the same, in the tensor's own memory where torch has that: a new array of `(tokens, 4 * hidden)` per
            layer would cost more than the function.
        kernel: its number in `enum activation` of `handler/kernels/vectors.h`.
        onednn: oneDNN's operation and its form, as `_linear_pointwise` takes them.
        cublas: whether cuBLAS has it within a product as GELU, in its tanh form, or else as ReLU.
        onnx: its operator.
        transformers: names in `config.json`.
        module: class of `torch.nn`.
    """

    apply: Function
    in_place: Function
    kernel: int | None = None
    onednn: tuple[str, str] | None = None
    cublas: bool | None = None
    onnx: Onnx | None = None
    transformers: tuple[str, ...] = ()
    module: str = ""


def identity(values: Tensor) -> Tensor:
    """No activation."""
    return values


def gelu_tanh(values: Tensor) -> Tensor:
    """GELU by its tanh form (https://arxiv.org/abs/1606.08415, section 2)."""
    return gelu(values, approximate="tanh")


def gelu_tanh_in_place(values: Tensor) -> Tensor:
    """The same in place."""
    return torch.ops.aten.gelu_(values, approximate="tanh")  # type: ignore[no-any-return]


def gelu_10(values: Tensor) -> Tensor:
    """GELU that ends at 10, which `gelu(10)` is."""
    return gelu(values.clamp(max=10))


def quick_gelu(values: Tensor) -> Tensor:
    """GELU by a sigmoid (https://arxiv.org/abs/1606.08415, section 2)."""
    return values * torch.sigmoid(QUICK * values)


ACTIVATIONS: dict[str, Activation] = {
    "none": Activation(identity, identity, kernel=0, onednn=("none", ""), module="Identity"),
    "gelu": Activation(
        gelu,
        torch.ops.aten.gelu_,
        kernel=1,
        onednn=("gelu", "none"),
        cublas=True,
        onnx=Onnx("Gelu", MICROSOFT),
        transformers=("gelu", "gelu_python"),
        module="GELU",
    ),
    "gelu_tanh": Activation(
        gelu_tanh,
        gelu_tanh_in_place,
        kernel=2,
        onednn=("gelu", "tanh"),
        cublas=True,
        onnx=Onnx("FastGelu", MICROSOFT),
        transformers=("gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate", "gelu_python_tanh"),
    ),
    "relu": Activation(
        torch.relu,
        torch.relu_,
        kernel=3,
        onednn=("relu", ""),
        cublas=False,
        onnx=Onnx("Relu"),
        transformers=("relu",),
        module="ReLU",
    ),
    "tanh": Activation(torch.tanh, torch.tanh_, kernel=4, onnx=Onnx("Tanh"), transformers=("tanh",), module="Tanh"),
    "sigmoid": Activation(
        torch.sigmoid, torch.sigmoid_, kernel=5, onnx=Onnx("Sigmoid"), transformers=("sigmoid",), module="Sigmoid"
    ),
    "silu": Activation(
        silu,
        torch.ops.aten.silu_,
        kernel=6,
        onnx=Onnx("QuickGelu", MICROSOFT, {"alpha": 1.0}),
        transformers=("silu", "swish"),
        module="SiLU",
    ),
    "quick_gelu": Activation(
        quick_gelu,
        quick_gelu,
        kernel=7,
        onnx=Onnx("QuickGelu", MICROSOFT, {"alpha": QUICK}),
        transformers=("quick_gelu",),
    ),
    "gelu_10": Activation(
        gelu_10, gelu_10, kernel=9, onnx=Onnx("Gelu", MICROSOFT, most=10.0), transformers=("gelu_10",)
    ),
    "mish": Activation(mish, torch.ops.aten.mish_, kernel=8, onnx=Onnx("Mish"), transformers=("mish",), module="Mish"),
}
"""By our name, which archives hold."""
WITHOUT_ARGUMENTS = (
    *("CELU", "ELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid", "ReLU6", "SELU"),
    *("Softplus", "Softshrink", "Softsign", "Tanhshrink"),
)
"""Further ones of `torch.nn`, which heads and dense layers may have, and no encoder."""
ACROSS = ("Softmax", "Softmin", "LogSoftmax")
"""Those over all scores of a text."""
MODULES = {name: getattr(torch.nn, name)() for name in WITHOUT_ARGUMENTS}
MODULES |= {name: getattr(torch.nn, name)(dim=-1) for name in ACROSS}
ACTIVATIONS |= {name.lower(): Activation(module, module, module=name) for name, module in MODULES.items()}
OF_TRANSFORMERS = {theirs: name for name, each in ACTIVATIONS.items() for theirs in each.transformers}
"""Our name by that in `config.json`: those that a layer may have."""
OF_MODULES = {each.module: name for name, each in ACTIVATIONS.items() if each.module}
"""Our name by the class of `torch.nn`."""
