"""Matrices of linears as the `native` runtime's kernels read them, made once per machine and mapped by all workers.

A matrix `(in, out)` lies in panels of 32 columns, so that one pass over a panel reads memory in order: `(panels, in,
32)` in float32, `(panels, in / 4, 32, 4)` in 8 bits, where four values of a column are multiplied at once. What is
missing at the edges is zero. Each array is an `.npy` file, whose values NumPy aligns to 64 bytes, a vector's width.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from handler.encoders import description
from handler.kernels.structures import LINEARS
from handler.runtimes.base import WEIGHTS

log = getLogger(__name__)

FOLDER = "panels"
PANEL, QUAD = 32, 4
AROUND = ("projection", "pooler")
"""Linears outside of the layers, which not every model has."""
Arrays = dict[str, NDArray[Any]]


def load(checkpoint: Path) -> Arrays:
    """All arrays, mapped. Where they cannot be written or read, each worker has its own."""
    try:
        return {file.stem: np.load(file, mmap_mode="r") for file in ensure_packed(checkpoint).glob("*.npy")}
    except (OSError, ValueError, EOFError) as error:
        log.warning("matrices are not shared between workers: %s", error)
        return dict(pack_weights(checkpoint / WEIGHTS))


def ensure_packed(checkpoint: Path) -> Path:
    """The folder of arrays; written by the first worker that asks, while others wait."""
    weights = checkpoint / WEIGHTS
    about = weights.stat()
    ready = checkpoint / f"{FOLDER}-{about.st_size}-{about.st_mtime_ns}"  # of these weights, and not of earlier ones
    with weights.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            part = checkpoint / f"{FOLDER}-part"
            shutil.rmtree(part, ignore_errors=True)  # of a worker that was killed
            part.mkdir()
            try:
                for name, array in pack_weights(weights):
                    np.save(part / f"{name}.npy", array)
                part.rename(ready)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    return ready


def pack_weights(file: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Names and arrays of all linears, one matrix in memory at a time."""
    with safe_open(file, framework="np") as stored:
        encoder, names = description.read(stored.metadata()), stored.keys()
        linears = [f"layers.{layer}.{linear}" for layer in range(encoder.stored) for linear in LINEARS]
        for name in [*linears, *(name for name in AROUND if f"{name}.weight" in names)]:
            weight = stored.get_tensor(f"{name}.weight")
            yield f"{name}.shape", np.asarray(weight.shape)
            yield f"{name}.bias", padded(stored.get_tensor(f"{name}.bias"), PANEL)
            if weight.dtype == np.int8:
                yield f"{name}.weight", quads(weight)
                yield f"{name}.scale", padded(stored.get_tensor(f"{name}.scale"), PANEL)
                yield f"{name}.sums", padded(weight.sum(0, dtype=np.int32), PANEL)
            else:
                yield f"{name}.weight", panels(weight)


def padded(array: NDArray[Any], multiple: int, axis: int = 0) -> NDArray[Any]:
    """Zeros at the end of an axis, up to a multiple."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, -array.shape[axis] % multiple)
    return np.pad(array, widths)


def panels(weight: NDArray[Any]) -> NDArray[Any]:
    """`(in, out)` to `(panels, in, 32)`."""
    weight = padded(weight, PANEL, 1)
    return np.ascontiguousarray(weight.reshape(len(weight), -1, PANEL).transpose(1, 0, 2))


def quads(weight: NDArray[Any]) -> NDArray[Any]:
    """`(in, out)` to `(panels, in / 4, 32, 4)`."""
    whole = padded(padded(weight, PANEL, 1), QUAD, 0)
    parts = whole.reshape(len(whole) // QUAD, QUAD, -1, PANEL)
    return np.ascontiguousarray(parts.transpose(2, 0, 3, 1))
