"""A table with a row for each token, and no layers: what static embeddings have of a text before they are pooled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from handler.device import DeviceStates, Queue, upload
from handler.runtimes.base import TABLE, Placement, Placements, Runtime
from handler.types import Encoding, Output

ROWS = "word"
"""Name of the table in its file."""


class Static(Runtime):
    """Rows of a table, which is mapped on a CPU: all workers share one copy."""

    name = "static"
    padded = False
    placements: ClassVar[Placements] = {"cpu": ("float32",), "cuda": ("float32", "float16", "bfloat16")}

    def __init__(self, checkpoint: Path, placement: Placement) -> None:
        self.device = torch.device(placement.device)
        with safe_open(checkpoint / TABLE, framework="pt") as file:
            self.table: Tensor = file.get_tensor(ROWS).to(self.device, getattr(torch, placement.dtype))
        self.outputs_on_device = self.device.type != "cpu"
        self.queue = Queue(self.device)

    @torch.inference_mode()
    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """See `Runtime.run`."""
        ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), dtype=np.int64)
        starts = [0, *accumulate(map(len, encodings))]
        if not self.outputs_on_device:
            states = self.table.numpy().take(ids, axis=0)
            return [Output(states[start:stop], None) for start, stop in pairwise(starts)]
        places, offsets = upload([ids, np.asarray(starts)], self.device)
        there = DeviceStates(self.table.index_select(0, places), None, [*map(len, encodings)], offsets)
        self.queue.follow()
        return there.outputs()

    def finish(self) -> None:
        """See `Runtime.finish`."""
        self.queue.finish()

    def word_embeddings(self) -> Tensor:
        """See `Runtime.word_embeddings`."""
        return self.table.float()
