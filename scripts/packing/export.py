"""A checkpoint folder to a folder that another engine loads: `bert export`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from handler.config import Dtype
from handler.runtimes import find
from handler.runtimes.base import Placement
from handler.runtimes.eager import Eager
from scripts.console import Failure, step
from scripts.packing import engines
from scripts.packing.exports.measure import Difference, difference
from scripts.sources import checkpoint as checkpoints

KEPT = ("config.json", *checkpoints.TOKENIZER_FILES)
TOLERANCE = 1e-4  # of float32; more than this is a wrong export and no rounding


def export(folder: Path, target: Path, runtime: str, dtype: Dtype) -> Difference:
    """Write the model, compare it with the original, and only then put it in its place.

    Args:
        folder: checkpoint folder.
        target: folder that does not exist yet.
        runtime: the one whose files are written: `onnx`, `torchscript`.
        dtype: `float32`, or `int8` for `onnx`.

    Raises:
        Failure: the target exists, the engine cannot run the model, or its answers are off.
    """
    if target.exists():
        raise Failure(f"{target} exists", fix="name a new folder with --out")
    checkpoint = checkpoints.read(folder)
    engines.resolve(checkpoint, runtime, dtype)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
        work, trial = Path(temporary) / "out", Path(temporary) / "trial"
        work.mkdir()
        with step(f"exporting {folder.name} as {runtime}"):
            engines.write(checkpoint, work, runtime, dtype)
            shutil.copytree(work, trial)  # loading leaves files behind that belong to this machine alone
            engine = find(runtime)(trial, Placement("cpu", dtype))
            original = Eager(checkpoint.folder, Placement("cpu", "float32"), checkpoint.variant)
            measured = difference(engine, original, original.model.config.vocab_size, checkpoint.max_length)
        if dtype == "float32" and max(measured.hidden, measured.pooled or 0) > TOLERANCE:
            raise Failure(f"the export is off by {measured.hidden:.1e}, more than {TOLERANCE:.0e}; nothing was written")
        for name in KEPT:
            if (checkpoint.folder / name).exists():
                shutil.copyfile(checkpoint.folder / name, work / name)
        work.rename(target)
    return measured
