"""What this machine's CPU is, and what it multiplies with."""

from __future__ import annotations

import platform
from pathlib import Path

INSTRUCTIONS = ("amx_int8", "avx512_vnni", "avx512_f", "avx2", "i8mm", "neon")
"""Of matrix products, most capable first, as torch calls them. Which engine and dtype is fastest depends on them."""


def name() -> str:
    """As the system calls it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def instructions() -> str:
    """The most capable of `INSTRUCTIONS` that it has; empty for another kind of CPU."""
    import torch

    able = torch.cpu.get_capabilities()
    return next((each for each in INSTRUCTIONS if able.get(each)), "")
