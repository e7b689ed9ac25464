"""Weights in PyTorch's own files, which are pickles: read as plain tensors, and refused when they hold more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from scripts.console import Failure
from scripts.sources.remedies import PYTHON

SUFFIXES = (".bin", ".pt", ".pth")
PART = f"{PYTHON} -c 'import sys, torch; \
torch.save(torch.load(sys.argv[1], weights_only=True)[sys.argv[2]], sys.argv[1])'"
WHOLE = f"{PYTHON} -c 'import sys, torch; \
torch.save(torch.load(sys.argv[1], weights_only=False).state_dict(), sys.argv[1])'"


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
        found: Mapping[str, Any] = torch.load(file, device, weights_only=True)
    except Exception as error:  # a damaged pickle fails in any way
        why = str(error).partition("WeightsUnpickler error: ")[2] or str(error)
        raise Failure(
            f"{file} holds more than tensors, or was cut off; it was not loaded, since a pickle can run code",
            why=f"{type(error).__name__}: {why.partition('. ')[0]}",
            fix="copy it again if it was cut off; if it is a whole model, from somebody you trust: "
            f"{WHOLE} {quote(str(file))}",
        ) from None
    if not tensors(found):
        part = next((name for name, value in found.items() if tensors(value)), "") if isinstance(found, Mapping) else ""
        fix = f"{PART} {quote(str(file))} {quote(str(part))}" if part else "save model.state_dict()"
        raise Failure(f"{file} holds other things than tensors by name", fix=fix)
    return found


def tensors(found: Any) -> bool:
    """Whether it is tensors by name."""
    import torch

    return isinstance(found, Mapping) and all(isinstance(value, torch.Tensor) for value in found.values())


def check(file: Path) -> None:
    """`load`, without the numbers; a file of another kind is not looked at."""
    if file.suffix in SUFFIXES:
        load(file, "meta")
