"""The forward pass in C, compiled by the packer once per kind of CPU (`scripts/kernels.py`) and part of an archive."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from handler.errors import ConfigError

LEVELS: dict[str, Sequence[str]] = {
    "avx512_vnni": ("allowed", "avx512_f", "avx512_bw", "avx512_dq", "avx512_vl", "avx512_vnni"),
    "avx512": ("allowed", "avx512_f", "avx512_bw", "avx512_dq", "avx512_vl"),
    "avx_vnni": ("avx2", "fma3", "avx_vnni"),
    "avx2": ("avx2", "fma3"),
}
"""Kinds of CPU, most capable first, and what each must have, as torch calls it; `allowed` is that torch may use it."""
FOLDER = "kernels"


def level() -> str | None:
    """The best of `LEVELS` that this CPU is; None where it is none of them, as on Arm.

    torch can be kept from AVX-512 by `ATEN_CPU_CAPABILITY=avx2`, and so are the kernels.
    """
    able = torch.cpu.get_capabilities() | {"allowed": torch.backends.cpu.get_cpu_capability() == "AVX512"}
    return next((name for name, needed in LEVELS.items() if all(map(able.get, needed))), None)


def load(checkpoint: Path) -> tuple[Callable[..., None], Callable[[int, int], int]]:
    """`encode` and `scratch` of `encoder.c`, for this CPU.

    Raises:
        ConfigError: there are no kernels for it.
    """
    found = level()
    if found is None:
        raise ConfigError(
            "handler.runtime is native, and this CPU has neither AVX-512 nor AVX2 with FMA; pack for onnx"
        )
    library = ctypes.CDLL(str(checkpoint / FOLDER / f"{found}.so"))
    library.encode.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long)
    library.encode.restype = None
    library.scratch.argtypes = (ctypes.c_long, ctypes.c_long)
    library.scratch.restype = ctypes.c_long
    return library.encode, library.scratch
