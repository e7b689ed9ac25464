"""The two archives that are served: one as an operator would pack it, one with passes as large as a request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu import models
from benchmarks.gpu.context import Context
from handler.config import Dtype
from scripts.packing import model_config, pack, settings_file
from scripts.paths import CONFIG

MAIN, WIDE = "bert", "wide"
VERSION = "1.0"
RUNTIMES = ("packed", "eager")
"""The second one is served when the first does not start: most of what is asked here is not about the engine."""
WHOLE = 1 << 20
"""Token budget of `wide`: all that 256 texts can hold in one pass, which takes more memory than a full GPU has left."""
BOUNDS: dict[Dtype, float] = {"float32": 1e-4, "bfloat16": 1e-2, "float16": 2e-3}
"""How far a vector may be from the reference, as a share of its length."""


@dataclass(frozen=True, slots=True)
class Archives:
    """A store with both.

    Attributes:
        checkpoint: of both.
        store: folder of archives.
        dtype: they compute in.
        longest: sequence, in tokens.
    """

    checkpoint: Path
    store: Path
    dtype: Dtype
    longest: int

    @property
    def bound(self) -> float:
        """See `BOUNDS`."""
        return BOUNDS[self.dtype]


def make(context: Context, runtime: str, folder: Path) -> Archives:
    """Save a checkpoint and pack it twice."""
    model = context.sizes.served.model
    checkpoint = models.save(folder / "checkpoint", model)
    dtype: Dtype = "float16" if context.gpu else "float32"  # what `dtype: auto` takes
    explicit = {"dtype": dtype, "token_budget": WHOLE}
    for name, over in ((MAIN, {}), (WIDE, explicit)):
        pack.pack(checkpoint, name, VERSION, settings(context.gpu, name, runtime, over), folder / "store")
    return Archives(checkpoint, folder / "store", dtype, model.positions)


def settings(gpu: bool, name: str, runtime: str, over: dict[str, Any]) -> dict[str, Any]:
    """Keys of `model-config.yaml`: for a GPU those of `config/gpu.yaml`, as an operator would have them."""
    base = settings_file.read(CONFIG / "gpu.yaml") if gpu else {}
    own: dict[str, Any] = {"handler": {"task": "embedding", "runtime": runtime, **over}}
    return model_config.merged(base, own | ({"minWorkers": 1, "maxWorkers": 1} if name == WIDE else {}))
