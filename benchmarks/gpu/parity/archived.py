"""A checkpoint of random weights, packed for one runtime after the other, and asked in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import orjson

from benchmarks.gpu import models
from benchmarks.gpu.sizes import Model
from handler import loading
from handler.config import Dtype
from handler.pipeline import Pipeline
from handler.types import Row
from scripts.packing import pack
from scripts.sources import checkpoint as checkpoints

BUDGET = 4096
"""Tokens of a forward pass: most of a batch of the rehearsal's and of the GPU's run together."""
MADE: dict[str, Callable[..., Path]] = {"sentences": models.sentences, "cross-encoder": models.cross_encoder}
"""What is more than a class of transformers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: its status, and what its JSON holds."""

    status: int
    value: Any


class Archived:
    """One checkpoint, and its archives.

    Args:
        folder: for all files.
        model, family, head: of the checkpoint; see `models.save` and `MADE`.
        threads: of the CPU; 0 for all cores.
    """

    def __init__(self, folder: Path, model: Model, family: str, head: str, threads: int = 0) -> None:
        self.folder, self.threads = folder, threads
        if head in MADE:
            saved = MADE[head](folder / "saved", model, family)
        else:
            saved = models.save(folder / "saved", model, family, head)
        self.checkpoint = checkpoints.read(saved)
        self.staged = cache(self.stage)

    def stage(self, runtime: str) -> Path:
        """What TorchServe would unpack."""
        folder = self.folder / runtime
        pack.stage(self.checkpoint, folder, runtime, task=self.checkpoint.task)
        return folder

    def load(self, runtime: str, dtype: Dtype, device: str) -> Pipeline:
        """As a worker does.

        Raises:
            ConfigError: the runtime has no such dtype on the device.
        """
        asked = {"runtime": runtime, "dtype": dtype, "token_budget": BUDGET, "threads": self.threads}
        settings = msgspec.to_builtins(pack.configure(self.checkpoint, {"handler": asked}))
        gpu = None if device == "cpu" else int(device.partition(":")[2])
        return loading.load(self.staged(runtime), "model", "1.0", settings, gpu, lambda *_: None)


def answers(worker: Pipeline, bodies: Sequence[bytes]) -> list[Answer]:
    """Of one batch of requests."""
    rows = [Row({"body": body}, content_type="application/json") for body in bodies]
    return [Answer(reply.status, orjson.loads(reply.body)) for reply in worker.answer(rows)]
