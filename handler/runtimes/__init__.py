"""One class per engine. They are imported by name, so that a worker loads only the libraries of its own engine."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import torch

from handler import kernels
from handler.errors import ConfigError, unknown
from handler.runtimes.base import Placement, Runtime

RUNTIMES = {
    "native": "handler.runtimes.native:Native",
    "packed": "handler.runtimes.packed:Packed",
    "onnx": "handler.runtimes.onnx:Onnx",
    "torchscript": "handler.runtimes.torchscript:TorchScript",
    "eager": "handler.runtimes.eager:Eager",
}
FASTEST = {"cpu": ("native", "onnx"), "cuda": ("packed",)}
"""What `auto` means on each kind of device: the first that runs there. An archive packed with `auto` suits all."""

BF16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "bf16")
"""Instructions for products in bfloat16 on a CPU: Intel's, AMD's and Arm's, as torch calls them. Without them such a
product takes 1.7 (AVX-512) to 29 times (AVX2) as long as one in float32."""


def find(name: str) -> type[Runtime]:
    """The runtime's class.

    Raises:
        ConfigError: there is no runtime of that name.
    """
    if name not in RUNTIMES:
        raise ConfigError(unknown("runtime", name, ["auto", *RUNTIMES]))
    module, attribute = RUNTIMES[name].split(":")
    return cast(type[Runtime], getattr(import_module(module), attribute))


def pick(name: str, placement: Placement) -> type[Runtime]:
    """The runtime of that name, or for `auto` the fastest one, if it can compute there.

    Raises:
        ConfigError: there is no such runtime, or it has no such device or dtype.
    """
    runtime = fastest(placement.kind) if name == "auto" else find(name)
    dtypes = runtime.placements.get(placement.kind)
    if dtypes is None:
        devices = " or ".join(runtime.placements)
        raise ConfigError(f"handler.runtime {runtime.name} runs on {devices}; this worker was given {placement.kind}")
    if placement.dtype not in dtypes:
        gpu = " and there is no GPU" if placement.kind == "cpu" else ""
        raise ConfigError(
            f"handler.dtype is {placement.dtype}{gpu}; runtime {runtime.name} on {placement.kind} "
            f"computes in {', '.join(dtypes)}"
        )
    if placement == Placement("cpu", "bfloat16") and not cpu_supports_bfloat16():
        raise ConfigError(
            f"handler.dtype is bfloat16, and this CPU has no instructions for it ({', '.join(BF16_INSTRUCTIONS)}); "
            "float32 is faster here, and int8 too"
        )
    return runtime


def fastest(kind: str) -> type[Runtime]:
    """What `auto` means on this machine."""
    return next(runtime for runtime in map(find, FASTEST[kind]) if runtime.is_supported())


def cpu_supports_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16, and torch may: none of the levels it can be kept to does."""
    return kernels.isa_limit() is None and any(map(torch.cpu.get_capabilities().get, BF16_INSTRUCTIONS))
