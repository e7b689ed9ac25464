"""The forward pass in C, compiled by `scripts/packing/kernels.py` once per kind of CPU, and part of an archive."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from handler.errors import ConfigError

AVX2 = ("avx2", "fma3", "bmi", "bmi2", "lzcnt", "f16c")
AVX512 = (*AVX2, "avx512_f", "avx512_bw", "avx512_cd", "avx512_dq", "avx512_vl")
AVX512_VNNI = (*AVX512, "avx512_vnni")
ISA_LEVELS: dict[str, Sequence[str]] = {
    "avx512_bf16": (*AVX512_VNNI, "avx512_bf16"),
    "avx512_vnni": AVX512_VNNI,
    "avx512": AVX512,
    "avx_vnni": (*AVX2, "avx_vnni"),
    "avx2": AVX2,
}
"""Kinds of CPU, most capable first, and what each must have, as torch calls it."""
BFLOAT16 = "avx512_bf16"
"""The one of them that multiplies in bfloat16; the others' kernels compute the same, slower than float32."""
SLOW_CACHE = ("avx512_vnni", "avx512")
"""Those of Intel's CPUs without bfloat16, as in `product.h`."""
LIMITS = {
    "AVX512_CORE_BF16": "avx512_bf16",
    "AVX512_CORE_VNNI": "avx512_vnni",
    "AVX512_CORE": "avx512",
    "AVX2_VNNI": "avx_vnni",
    "AVX2": "avx2",
}
"""What `ONEDNN_MAX_CPU_ISA` keeps torch to, and so the kernels; other values leave them free."""
FOLDER = "kernels"
FUNCTIONS = {
    "encode": (None, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long)),
    "scratch": (ctypes.c_long, (ctypes.c_void_p, ctypes.c_long)),
    "help": (None, (ctypes.c_void_p,)),
    "run": (ctypes.c_long, (ctypes.c_void_p, ctypes.c_void_p)),
    "end": (None, (ctypes.c_void_p, ctypes.c_long)),
}
"""Of a library, with what each gives and takes."""


def detect_isa() -> str | None:
    """The best of `ISA_LEVELS` that this CPU is; None where it is none of them, as on Arm."""
    able, most = torch.cpu.get_capabilities(), isa_limit()
    allowed = list(ISA_LEVELS)[list(ISA_LEVELS).index(most) if most else 0 :]
    return next((name for name in allowed if all(map(able.get, ISA_LEVELS[name]))), None)


def isa_limit() -> str | None:
    """The best of `ISA_LEVELS` that torch may use; None where nothing keeps it from any."""
    return LIMITS.get(os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper())


def load(checkpoint: Path) -> ctypes.CDLL:
    """The functions of `encoder.c` and `helpers.h`, for this CPU.

    Raises:
        ConfigError: there are no kernels for it, or they do not load.
    """
    found = detect_isa()
    if found is None:
        raise ConfigError("handler.runtime is native, and this CPU lacks AVX2 or what comes with it; pack for onnx")
    file = checkpoint / FOLDER / f"{found}.so"
    try:
        library = ctypes.CDLL(str(file))
    except OSError as error:  # such as a temporary folder that is mounted noexec
        raise ConfigError(f"{error}; let TMPDIR lead where files may be executed, or pack for onnx") from None
    for name, (result, arguments) in FUNCTIONS.items():
        function = library[name]
        function.restype, function.argtypes = result, arguments
        setattr(library, name, function)
    return library
