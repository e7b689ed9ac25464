"""This project's `native`, in each of its dtypes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from benchmarks import engine
from benchmarks.peers.engines.base import Batch, Engine, States
from handler.config import Dtype
from handler.runtimes.native import Native
from handler.types import Encoding, Output
from scripts.sources import checkpoint as checkpoints


class Ours(Engine):
    """Packed sequences: its batches need not be of about equal lengths."""

    precisions = Native.placements["cpu"]
    runtime = "native"

    @classmethod
    def lacks(cls, precision: str) -> str:
        """See `Engine.lacks`."""
        return "" if Native.is_supported(cast(Dtype, precision)) else "the CPU has no instruction for it"

    def __init__(self, checkpoint: Path, folder: Path, precision: str) -> None:
        self.model = engine.load(checkpoints.read(checkpoint), self.runtime, cast(Dtype, precision))
        self.model.use_threads(1)

    def feed(self, batch: Batch) -> list[Encoding]:
        """See `Engine.feed`."""
        return [Encoding(ids, [0] * len(ids), [0] * len(ids)) for ids in batch]

    def run(self, fed: list[Encoding]) -> list[Output]:
        """See `Engine.run`."""
        return list(self.model.run(fed))

    def states(self, result: list[Output], batch: Batch) -> Iterator[States]:
        """See `Engine.states`."""
        return (output.hidden for output in result)
