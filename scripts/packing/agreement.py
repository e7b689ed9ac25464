"""Where each worker chooses its own runtime: those that run here have to give the same states."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from handler import runtimes
from handler.config import Dtype, ModelConfig
from handler.runtimes.base import Placement, Runtime
from handler.types import Encoding
from scripts.console import Failure
from scripts.sources.checkpoint import Checkpoint

AGREEMENT = 1e-3
"""By which states may differ in float32, in their standard deviations: rounding is 1e-5, a wrong layer 0.3."""


def check(
    chosen: Runtime, config: ModelConfig, checkpoint: Checkpoint, folder: Path, encodings: Sequence[Encoding]
) -> None:
    """Run every other runtime that this CPU can, over the same sequences.

    Args:
        chosen: the runtime that a worker takes here.
        config: of the archive.
        checkpoint: what it was made of.
        folder: its files.
        encodings: sequences that the chosen one has run.

    Raises:
        Failure: one does not load or run, or in float32 its states are others.
    """
    dtype: Dtype = "float32" if config.handler.dtype == "auto" else config.handler.dtype
    for name in others(chosen.name, dtype) if config.handler.runtime == "auto" else ():
        fix = f"pack for the one that was right: --runtime {chosen.name}"
        try:
            runtime = runtimes.find(name)(folder, Placement("cpu", dtype))
            off = max(distance(runtime, chosen, encoding) for encoding in encodings)
        except Exception as error:  # of any kind, as the libraries behind it fail
            why = f"{type(error).__name__}: {error}"
            raise Failure(f"{checkpoint.folder} runs on {chosen.name}, and not on {name}", why=why, fix=fix) from None
        if dtype == "float32" and not off <= AGREEMENT:
            clash = f"states of {name} are {off:.1e} standard deviations off those of {chosen.name}"
            raise Failure(f"{checkpoint.folder}: {clash}; {AGREEMENT} at most is rounding", fix=fix)


def others(chosen: str, dtype: Dtype) -> list[str]:
    """Runtimes that workers elsewhere may take, and that compute in that dtype on this CPU too."""
    named = {name: runtimes.find(name) for names in runtimes.FASTEST.values() for name in names if name != chosen}
    able = {name for name, each in named.items() if each.is_supported(dtype)}
    return [name for name, each in named.items() if name in able and dtype in each.placements.get("cpu", ())]


def distance(one: Runtime, other: Runtime, encoding: Encoding) -> float:
    """The largest difference of two runtimes' states, in their standard deviations."""
    states, wanted = (runtime.run([encoding])[0].hidden.copy() for runtime in (one, other))
    return float(np.abs(states - wanted).max()) / max(float(wanted.std()), 1e-6)
