"""One class per engine. They are imported by name, so that a worker loads only the libraries of its own engine."""

from __future__ import annotations

from collections.abc import Sequence
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
    "static": "handler.runtimes.static:Static",
}
FASTEST = {"cpu": ("native", "onnx", "packed"), "cuda": ("packed",)}
"""What `auto` means on each kind of device: the first that computes there in the dtype. An archive packed with `auto`
suits all."""

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
    runtime = fastest(placement) if name == "auto" else find(name)
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
    if placement.dtype == "bfloat16" and not runtime.is_supported("bfloat16"):
        raise ConfigError(
            f"handler.dtype is bfloat16, and runtime {runtime.name} takes AVX512-BF16 for it, which this CPU lacks; "
            "pack for packed, which multiplies in bfloat16 here, or in float32"
        )
    return runtime


def fastest(placement: Placement) -> type[Runtime]:
    """What `auto` means on this machine. In bfloat16 AMX, which torch has, multiplies many times as fast as AVX-512."""
    if placement == Placement("cpu", "bfloat16") and cpu_supports_bfloat16(("amx_bf16",)):
        return find("packed")
    able = [each for each in map(find, FASTEST[placement.kind]) if each.is_supported(placement.dtype)]
    return next((each for each in able if placement.dtype in each.placements[placement.kind]), able[0])


def cpu_supports_bfloat16(instructions: Sequence[str] = BF16_INSTRUCTIONS) -> bool:
    """Whether this CPU multiplies in bfloat16 with one of them, and torch may."""
    able, most = torch.cpu.get_capabilities(), kernels.isa_limit()
    return any(able.get(name) for name in instructions if most is None or name in kernels.ISA_LEVELS[most])
