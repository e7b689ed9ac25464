"""Whether a GPU is used, and if one is there and is not, why."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.console import Finding


@dataclass(frozen=True, slots=True)
class GpuInfo:
    """What decides whether a GPU is used; gathered apart, so that the diagnosis can be tested without one.

    Attributes:
        hardware: names of the GPUs the driver or the device files show.
        build: CUDA version torch was built for, None for a CPU build.
        usable: number of GPUs torch can use.
        visible: CUDA_VISIBLE_DEVICES, None when it is not set.
        error: what torch said when it tried.
    """

    hardware: list[str]
    build: str | None
    usable: int
    visible: str | None
    error: str = ""


def probe() -> GpuInfo:
    """Look at the driver, at torch and at the environment."""
    import torch

    from handler.runtimes import cuda

    error = ""
    if torch.version.cuda and not torch.cuda.is_available():
        try:
            torch.cuda.init()  # type: ignore[no-untyped-call]
        except (RuntimeError, AssertionError) as raised:
            error = (str(raised).splitlines() or [type(raised).__name__])[0]
    cards = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    usable = sum(cuda.supported(f"cuda:{card}") for card in cards)
    if cards and not usable:
        error = f"this torch is built for {', '.join(torch.cuda.get_arch_list())}, and the card is older"
    return GpuInfo(
        hardware=hardware(),
        build=torch.version.cuda,
        usable=usable,
        visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        error=error,
    )


def hardware() -> list[str]:
    """GPUs as the driver names them, or their device files where the driver does not answer."""
    if shutil.which("nvidia-smi"):
        command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode == 0:
            return result.stdout.strip().splitlines()
    return [path.name for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]


def diagnose(info: GpuInfo) -> Finding:
    """Why a GPU is or is not used, and what to do."""
    names = "; ".join(info.hardware)
    if not info.hardware:
        return Finding("gpu", True, "none on this machine; the CPU is used")
    if info.usable:
        return Finding("gpu", True, f"{info.usable} used: {names}")
    if info.build is None:
        return Finding(
            "gpu",
            False,
            f"{names} is there, but this torch is a CPU build",
            "BERT_TORCH=cuda make install",
        )
    if info.visible is not None and (not info.visible.strip() or info.visible.strip().startswith("-")):
        return Finding(
            "gpu", False, f"{names} is hidden by CUDA_VISIBLE_DEVICES={info.visible!r}", "unset CUDA_VISIBLE_DEVICES"
        )
    if "driver" in info.error.lower() and "old" in info.error.lower():
        return Finding(
            "gpu",
            False,
            f"the driver ({names}) is too old for CUDA {info.build}: {info.error}",
            "update the NVIDIA driver, or install a torch built for an older CUDA",
        )
    return Finding(
        "gpu",
        False,
        f"{names} is there, but torch cannot use it: {info.error or 'no reason given'}",
        "check that nvidia-smi works for this user and inside this container (--gpus all)",
    )
