"""The transformers model as TorchScript: it runs without transformers and starts faster, on padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from handler.runtimes.base import SCRIPT, Placement, Placements, Runtime
from handler.runtimes.padding import pad, unpad
from handler.types import Encoding, Output


class TorchScript(Runtime):
    """`model.pt`, traced on a CPU; a trace keeps the device it was made on."""

    name = "torchscript"
    padded = True
    placements: ClassVar[Placements] = {"cpu": ("float32",)}

    def __init__(self, checkpoint: Path, placement: Placement) -> None:
        extra: dict[str, Any] = {"pad_id": "", "words": ""}  # torch puts bytes in
        self.model = torch.jit.load(checkpoint / SCRIPT, map_location=placement.device, _extra_files=extra)  # type: ignore[no-untyped-call]
        self.pad_id = int(extra["pad_id"])
        self.table = extra["words"].decode()

    @torch.inference_mode()
    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """Pad to the longest sequence, run, and cut each sequence's own rows out again."""
        inputs = {name: torch.from_numpy(value) for name, value in pad(encodings, self.pad_id).items()}
        hidden, *pooled = self.model(**inputs)
        return unpad(encodings, hidden.numpy(), pooled[0].numpy() if pooled else None)

    def word_embeddings(self) -> Tensor:
        """See `Runtime.word_embeddings`; the packer wrote down what the trace calls it."""
        return dict(self.model.named_parameters())[self.table].detach()  # type: ignore[no-any-return]
