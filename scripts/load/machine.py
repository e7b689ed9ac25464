"""What a result was measured on."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch

from handler.cores import cores
from scripts.paths import ROOT
from scripts.server import processor

PACKAGES = ("torch", "transformers", "tokenizers", "torchserve", "onnxruntime", "numpy")


def describe() -> dict[str, Any]:
    """Processor, memory, GPU and versions."""
    return {
        "cpu": processor.name(),
        "kind": processor.kind(),
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
    parts = (processor.kind(), processor.instructions())
    return ROOT / "benchmarks" / "results" / "-".join(part for part in parts if part).replace("_", "-")


def installed(name: str) -> str:
    """Version of a package, empty without it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
