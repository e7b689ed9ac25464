"""CTranslate2: float32, and 8-bit weights with activations quantized as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from benchmarks.peers.engines.base import Batch, Engine, States, cut


class CTranslate2(Engine):
    """Its encoder, which pads and masks by itself."""

    precisions = ("float32", "int8")

    @classmethod
    def convert(cls, checkpoint: Path, folder: Path, precision: str, sample: Sequence[Batch]) -> None:
        """See `Engine.convert`."""
        converter = ctranslate2.converters.TransformersConverter(str(checkpoint))
        converter.convert(str(folder), quantization=precision, force=True)

    def __init__(self, checkpoint: Path, folder: Path, precision: str) -> None:
        self.encoder = ctranslate2.Encoder(
            str(folder), device="cpu", compute_type=precision, inter_threads=1, intra_threads=1
        )

    def feed(self, batch: Batch) -> Batch:
        """See `Engine.feed`."""
        return batch

    def run(self, fed: Batch) -> Any:
        """See `Engine.run`."""
        return self.encoder.forward_batch(fed).last_hidden_state

    def states(self, result: Any, batch: Batch) -> Iterator[States]:
        """See `Engine.states`."""
        return cut(np.array(result), batch)
