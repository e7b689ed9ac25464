"""What a runtime is: one way to run the encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from handler.call import Encoding, Output
from handler.config import Dtype

WEIGHTS = "packed.safetensors"
"""Name of the file that the packer writes for the `packed` runtime."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a runtime computes.

    Attributes:
        device: `cpu` or `cuda:N`.
        dtype: of weights and activations.
    """

    device: str
    dtype: Dtype


class Runtime(ABC):
    """Runs the encoder on a batch."""

    name: ClassVar[str]
    padded: ClassVar[bool]
    """Whether a batch costs its longest sequence times its size, or just its tokens."""

    @abstractmethod
    def __init__(self, checkpoint: Path, placement: Placement) -> None:
        """Load the checkpoint folder of an archive.

        Raises:
            ConfigError: the placement is impossible, such as float16 on a CPU.
        """

    def use_threads(self, threads: int) -> None:
        """Compute with that many threads from now on; without meaning on a GPU."""
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)

    @abstractmethod
    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """One forward pass; outputs in the order of the sequences."""
