"""What a result was measured on, and how fast that machine multiplies matrices right now."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psutil
import torch

from benchmarks.workload import Shape
from handler.config import cores
from scripts import processor
from scripts.paths import ROOT

PACKAGES = ("torch", "transformers", "tokenizers", "torchserve", "onnxruntime", "numpy")
ROWS = 1024  # tokens of one forward pass on a CPU


def describe() -> dict[str, Any]:
    """Processor, memory, GPU and versions."""
    return {
        "cpu": processor.name(),
        "instructions": processor.instructions(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30), 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := installed(name))},
    }


def results() -> Path:
    """The folder for what is measured on such a CPU."""
    return ROOT / "benchmarks" / "results" / processor.instructions().replace("_", "-")


def installed(name: str) -> str:
    """Version of a package, empty without it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def sgemm(shape: Shape, threads: int, repeats: int = 9) -> float:
    """FLOP/s of the model's own matrix products in float32: the ceiling of any engine built on them."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    sizes = [
        (shape.hidden, 3 * shape.hidden),
        (shape.hidden, shape.hidden),
        (shape.hidden, shape.inner),
        (shape.inner, shape.hidden),
    ]
    seconds = 0.0
    with torch.inference_mode():
        for rows, columns in sizes:
            left, right = torch.randn(ROWS, rows), torch.randn(rows, columns)
            torch.mm(left, right)
            seconds += median(timed(left, right) for _ in range(repeats))
    torch.set_num_threads(before)
    return sum(2 * ROWS * rows * columns for rows, columns in sizes) / seconds


def timed(left: torch.Tensor, right: torch.Tensor) -> float:
    """Seconds for one product."""
    start = perf_counter()
    torch.mm(left, right)
    return perf_counter() - start
