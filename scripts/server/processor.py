"""What this machine's CPU is, and what it multiplies with."""

from __future__ import annotations

import os
import platform
from pathlib import Path

INSTRUCTIONS = ("amx_int8", "avx512_vnni", "avx512_f", "avx2", "i8mm", "neon")
"""Of matrix products, most capable first, as torch calls them. Which engine and dtype is fastest depends on them."""

CPUINFO = Path("/proc/cpuinfo")
IDENTITY = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
"""Keys of `CPUINFO` that tell kinds of CPU apart; x86 has the first three, ARM the last two."""

XEONS = {"85": "skylake", "106": "icelake", "143": "sapphirerapids", "207": "emeraldrapids", "173": "graniterapids"}
"""Intel's servers by their model; Cascade Lake has the number of Skylake, and VNNI beside it."""


def name() -> str:
    """As the system calls it."""
    return about().get("model name") or platform.processor()


def kind() -> str:
    """Its microarchitecture where that is known, such as `zen5`; else vendor, family and model.

    With the same instructions one kind may be twice as fast as another: zen4 splits what zen5 does 512 bits at a time.
    """
    found = about()
    match found.get("vendor_id"), found.get("cpu family"):
        case "AuthenticAMD", "26":
            return "zen5"
        case "AuthenticAMD", "25":
            return "zen4" if "avx512f" in found.get("flags", "").split() else "zen3"
        case "GenuineIntel", "6" if found.get("model") in XEONS:
            return XEONS[found["model"]]
    return "-".join(found[key] for key in IDENTITY if key in found).lower() or platform.machine()


def instructions() -> str:
    """The most capable of `INSTRUCTIONS` that it has and may use; empty for another kind of CPU."""
    import torch

    from handler import kernels

    limited = kernels.detect_isa() if "ONEDNN_MAX_CPU_ISA" in os.environ else None
    able = torch.cpu.get_capabilities()
    return limited or next((each for each in INSTRUCTIONS if able.get(each)), "")


def about() -> dict[str, str]:
    """What the system says of the first core; nothing where it has no `CPUINFO`."""
    lines = CPUINFO.read_text().split("\n\n")[0].splitlines() if CPUINFO.exists() else []
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}
