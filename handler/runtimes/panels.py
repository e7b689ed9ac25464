"""Matrices of linears as the `native` runtime's kernels read them, made once per machine and mapped by all workers.

A matrix `(in, out)` lies in panels of 32 columns, so that one pass over a panel reads memory in order: `(panels, in,
32)` in float32, `(panels, in / 2, 32, 2)` in bfloat16 and `(panels, in / 4, 32, 4)` in 8 bits, where two or four values
of a column are multiplied at once. What is missing at the edges is zero. Each array is an `.npy` file, whose values
NumPy aligns to 64 bytes, a vector's width.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from handler.config import Dtype
from handler.encoders import description
from handler.kernels.structures import LINEARS, RELATIVE
from handler.runtimes.base import WEIGHTS

log = getLogger(__name__)

FOLDER = "panels"
PANEL, PAIR, QUAD = 32, 2, 4
AROUND = ("projection", "pooler")
"""Linears outside of the layers, which not every model has."""
Arrays = dict[str, NDArray[Any]]


def load(checkpoint: Path, dtype: Dtype) -> Arrays:
    """All arrays, mapped. Where they cannot be written or read, each worker has its own.

    Args:
        checkpoint: folder of the weights.
        dtype: that the layers compute in; weights that are stored in 8 bits stay so.
    """
    try:
        return {file.stem: np.load(file, mmap_mode="r") for file in ensure_packed(checkpoint, dtype).glob("*.npy")}
    except (OSError, ValueError, EOFError) as error:
        log.warning("matrices are not shared between workers: %s", error)
        return dict(pack_weights(checkpoint / WEIGHTS, dtype))


def ensure_packed(checkpoint: Path, dtype: Dtype) -> Path:
    """The folder of arrays; written by the first worker that asks, while others wait."""
    weights = checkpoint / WEIGHTS
    about = weights.stat()
    ready = (
        checkpoint / f"{FOLDER}-{dtype}-{about.st_size}-{about.st_mtime_ns}"
    )  # of these weights, not of earlier ones
    with weights.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            part = checkpoint / f"{FOLDER}-part"
            shutil.rmtree(part, ignore_errors=True)  # of a worker that was killed
            part.mkdir()
            try:
                for name, array in pack_weights(weights, dtype):
                    np.save(part / f"{name}.npy", array)
                part.rename(ready)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    return ready


def pack_weights(file: Path, dtype: Dtype) -> Iterator[tuple[str, NDArray[Any]]]:
    """Names and arrays of all linears, and of relative positions, one matrix in memory at a time."""
    with safe_open(file, framework="np") as stored:
        encoder, names = description.read(stored.metadata()), stored.keys()
        linears = [f"layers.{layer}.{linear}" for layer in range(encoder.stored) for linear in LINEARS]
        for name in [*linears, *(name for name in AROUND if f"{name}.weight" in names)]:
            weight = stored.get_tensor(f"{name}.weight")
            yield f"{name}.shape", np.asarray(weight.shape)
            yield f"{name}.bias", padded(stored.get_tensor(f"{name}.bias"), PANEL)
            if weight.dtype == np.int8:
                yield f"{name}.weight", in_groups(weight, QUAD)
                yield f"{name}.scale", padded(stored.get_tensor(f"{name}.scale"), PANEL)
                yield f"{name}.sums", padded(weight.sum(0, dtype=np.int32), PANEL)
                if f"{name}.smooth" in names:
                    yield f"{name}.smooth", stored.get_tensor(f"{name}.smooth")
            elif dtype == "bfloat16" and name in linears:
                yield f"{name}.weight", in_groups(round_to_bfloat16(weight), PAIR)
            else:
                yield f"{name}.weight", panels(weight)
        for name in (f"layers.{layer}.{each}" for layer in range(encoder.stored) for each in RELATIVE):
            if name in names:
                yield name, np.stack([panels(head) for head in stored.get_tensor(name)])


def padded(array: NDArray[Any], multiple: int, axis: int = 0) -> NDArray[Any]:
    """Zeros at the end of an axis, up to a multiple."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, -array.shape[axis] % multiple)
    return np.pad(array, widths)


def panels(weight: NDArray[Any]) -> NDArray[Any]:
    """`(in, out)` to `(panels, in, 32)`."""
    weight = padded(weight, PANEL, 1)
    return np.ascontiguousarray(weight.reshape(len(weight), -1, PANEL).transpose(1, 0, 2))


def in_groups(weight: NDArray[Any], size: int) -> NDArray[Any]:
    """`(in, out)` to `(panels, in / size, 32, size)`."""
    whole = padded(padded(weight, PANEL, 1), size, 0)
    parts = whole.reshape(len(whole) // size, size, -1, PANEL)
    return np.ascontiguousarray(parts.transpose(2, 0, 3, 1))


def round_to_bfloat16(weight: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The nearest bfloat16 of each value, as bits: NumPy has no such type."""
    return torch.from_numpy(weight).bfloat16().view(torch.uint16).numpy()
