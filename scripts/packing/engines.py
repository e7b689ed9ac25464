"""What each runtime wants in an archive, made from a checkpoint folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors import safe_open

from handler.config import Dtype
from handler.errors import unknown
from handler.runtimes import FASTEST, find
from handler.runtimes.base import TABLE, Placement
from handler.runtimes.eager import Eager
from handler.runtimes.static import ROWS
from handler.tokenizer_settings import FILE as SETTINGS
from handler.tokenizer_settings import load
from scripts.console import Failure, err
from scripts.packing import kernels, layout, weights
from scripts.packing.exports import onnx, torchscript
from scripts.sources import pickles, static, variants
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families import family

Writer = Callable[[Checkpoint, Path, Dtype], None]


def packed(checkpoint: Checkpoint, folder: Path, dtype: Dtype) -> None:
    """The file that the `packed` runtime maps."""
    layout.write(checkpoint, folder, dtype)


def native(checkpoint: Checkpoint, folder: Path, dtype: Dtype) -> None:
    """The same file, and the kernels of the `native` runtime."""
    packed(checkpoint, folder, dtype)
    link(kernels.build(), folder)


def graph(checkpoint: Checkpoint, folder: Path, dtype: Dtype) -> None:
    """The same file, and a graph over it for the `onnx` runtime."""
    packed(checkpoint, folder, dtype)
    onnx.write(folder)


def auto(checkpoint: Checkpoint, folder: Path, dtype: Dtype) -> None:
    """What all of `FASTEST` need that compute in that dtype."""
    (graph if dtype in dtypes("onnx") else packed)(checkpoint, folder, dtype)
    link(kernels.build(), folder)


def script(checkpoint: Checkpoint, folder: Path, dtype: Dtype) -> None:
    """A trace of the transformers model."""
    made = Eager(checkpoint.folder, Placement("cpu", "float32"), checkpoint.variant)
    made.takes_types &= load(folder / SETTINGS).token_type_ids
    torchscript.write(made, folder)


def eager(checkpoint: Checkpoint, folder: Path, dtype: Dtype) -> None:
    """The checkpoint's own files, by link.

    Raises:
        SafetensorError: one of them was cut off.
    """
    for file in checkpoint.weights:
        if file.suffix == ".safetensors":
            safe_open(file, framework="pt")
        link(file, folder, variants.plain(file.name, checkpoint.variant))


def table(checkpoint: Checkpoint, folder: Path, dtype: Dtype) -> None:
    """The table of static embeddings, in float32."""
    rows = static.rows(checkpoint.folder)
    layout.check_finite({ROWS: rows})
    layout.save({ROWS: rows}, folder / TABLE, {})


WRITERS: dict[str, Writer] = {
    "auto": auto,
    "native": native,
    "packed": packed,
    "onnx": graph,
    "torchscript": script,
    "eager": eager,
    "static": table,
}
ENCODERS = ("auto", "native", "packed", "onnx")
"""Runtimes that know the model's layers, and so take only the families of `layout`."""


def write(checkpoint: Checkpoint, folder: Path, runtime: str, dtype: Dtype) -> None:
    """Make a runtime's files.

    Raises:
        Failure: the weights do not load.
    """
    try:
        for file in checkpoint.weights:
            pickles.check(file)
        WRITERS[runtime](checkpoint, folder, dtype)
    except Failure:
        raise
    except Exception as error:  # of any kind, as transformers' class fails over its config.json
        why, fix = weights.misfit(checkpoint) or (str(error).strip(), "correct config.json, or the weights")
        raise Failure(f"{checkpoint.folder} does not load as {checkpoint.architecture}", fix, why) from None


def resolve(checkpoint: Checkpoint, runtime: str, dtype: Dtype) -> str:
    """The runtime to pack for. `auto` stays, to be decided by each worker's device, unless the model or dtype decide.

    Raises:
        Failure: there is no such runtime, or it cannot run the model or compute in that dtype.
    """
    if runtime not in WRITERS:
        raise Failure(unknown("runtime", runtime, WRITERS))
    layered = family(checkpoint.config).layered
    runtime = "static" if runtime == "auto" and not layered else runtime
    if layered == (runtime == "static"):
        what = "its model has layers" if layered else "its model is a table without layers"
        raise Failure(f"runtime {runtime} cannot run {checkpoint.folder}: {what}", fix="leave --runtime out")
    reason = "" if runtime == "static" else layout.unsupported_reason(checkpoint.config)
    if runtime == "auto" and reason and dtype != "int8":
        err.print(f"runtime eager: {reason}")
        runtime = "eager"
    if runtime == "auto":
        able = {name for names in FASTEST.values() for name in names if dtype in dtypes(name)}
        runtime = able.pop() if len(able) == 1 else "auto"
    if runtime in ENCODERS and reason:
        own = "use --runtime eager" if dtype in dtypes("eager") else f"use --runtime eager, and no --dtype {dtype}"
        raise Failure(f"runtime {runtime} cannot run this model: {reason}", fix=own)
    if runtime != "auto" and dtype not in dtypes(runtime):
        raise Failure(f"runtime {runtime} has no {dtype}", fix=f"use one of {', '.join(dtypes(runtime))}")
    return runtime


def dtypes(runtime: str) -> list[Dtype]:
    """What it computes in, on any device."""
    return list(dict.fromkeys(dtype for here in find(runtime).placements.values() for dtype in here))


def link(file: Path, folder: Path, name: str = "") -> None:
    """Put a file into the folder, by its own name or another; the archiver copies what the link points at."""
    (folder / (name or file.name)).symlink_to(file.resolve())
