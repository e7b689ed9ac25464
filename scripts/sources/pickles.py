"""Weights in PyTorch's own files, which are pickles: read as plain tensors, and refused when they hold more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.console import Failure

SUFFIXES = (".bin", ".pt", ".pth")


def load(file: Path, device: str = "cpu") -> Mapping[str, Any]:
    """The tensors of a file.

    Args:
        file: what `torch.save` wrote.
        device: `meta` looks at the file without reading its tensors.

    Raises:
        Failure: it is missing, cut off, or holds something else than tensors by name, which could be code.
    """
    import torch

    if not file.exists():
        raise Failure(f"{file} is missing", fix="copy every file of the checkpoint into the folder")
    try:
        found = torch.load(file, device, weights_only=True)
    except Exception as error:  # a damaged pickle fails in any way
        why = str(error).partition("WeightsUnpickler error: ")[2] or str(error)
        raise Failure(
            f"{file} holds more than tensors, or was cut off; it was not loaded, since a pickle can run code",
            why=f"{type(error).__name__}: {why.partition('. ')[0]}",
            fix="save the model again with save_pretrained, which writes model.safetensors",
        ) from None
    if not isinstance(found, Mapping) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise Failure(f"{file} holds other things than tensors by name", fix="save model.state_dict()")
    return found


def check(file: Path) -> None:
    """`load`, without the numbers; a file of another kind is not looked at."""
    if file.suffix in SUFFIXES:
        load(file, "meta")
