"""What a runtime is: one way to run the encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import torch
from safetensors import safe_open
from torch import Tensor

from handler.config import Dtype
from handler.share import Share
from handler.types import Encoding, Output

WEIGHTS = "packed.safetensors"
"""Name of the file that the packer writes for the `native`, `packed` and `onnx` runtimes."""
GRAPH = "model.onnx"
"""Name of the graph that the `onnx` runtime loads; its matrices are in `WEIGHTS`."""
TABLE = "table.safetensors"
"""Name of the file that the packer writes for the `static` runtime."""
SCRIPT = "model.pt"
"""Name of the trace that the `torchscript` runtime loads."""

Placements = Mapping[str, tuple[Dtype, ...]]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a runtime computes.

    Attributes:
        device: `cpu` or `cuda:N`.
        dtype: of weights and activations.
    """

    device: str
    dtype: Dtype

    @property
    def kind(self) -> str:
        """`cpu` or `cuda`."""
        return self.device.split(":")[0]


class MaskedPass(Protocol):
    """See `handler.runtimes.masking`."""

    def run(self, encodings: Sequence[Encoding]) -> list[Output]: ...  # noqa: D102


class Runtime(ABC):
    """Runs the encoder on a batch."""

    name: ClassVar[str]
    padded: ClassVar[bool]
    """Whether a batch costs its longest sequence times its size, or just its tokens."""
    exact: ClassVar[bool] = False
    """Whether outputs are the reference's own to the last bit, so that clients may compare them with `==`."""
    outputs_on_device: bool = False
    """Whether outputs stay on the device until they are read: `run` then only begins a pass, and the host may go on."""
    share: Share | None = None
    """Threads that a runtime which can make room amid a pass may use; None for as many as `use_threads` said."""
    placements: ClassVar[Placements]
    """Kinds of device it runs on, and the dtypes it has there."""

    @classmethod
    def is_supported(cls, dtype: Dtype) -> bool:
        """Whether this machine's processor has what it needs for that dtype."""
        return True

    @abstractmethod
    def __init__(self, checkpoint: Path, placement: Placement) -> None:
        """Load the checkpoint folder of an archive, onto one of `placements`."""

    masked: MaskedPass | None = None
    """Runs sequences with tokens that no other looks at; None where `run` does."""

    def use_threads(self, threads: int) -> None:
        """Compute with that many threads from now on; without meaning on a GPU."""
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)

    @abstractmethod
    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """One forward pass; outputs in the order of the sequences."""

    def run_all(self, encodings: Sequence[Encoding]) -> list[Output]:
        """`run`, for sequences of which some may have tokens that no other looks at."""
        masked = [encoding for encoding in encodings if encoding.attended is not None]
        if self.masked is None or not masked:
            return self.run(encodings)
        plain = [encoding for encoding in encodings if encoding.attended is None]
        apart, others = iter(self.masked.run(masked)), iter(self.run(plain) if plain else [])
        return [next(others if encoding.attended is None else apart) for encoding in encodings]

    def finish(self) -> None:  # noqa: B027 - most runtimes have nothing to wait for
        """Wait for what `run` has begun."""

    @abstractmethod
    def word_embeddings(self) -> Tensor:
        """The word embedding matrix: `(vocabulary, hidden)` float32 on the device, no copy where there is one."""


def load_word_embeddings(checkpoint: Path) -> Tensor:
    """The word embedding matrix in `WEIGHTS`, mapped; float32 whatever the runtime computes in."""
    with safe_open(checkpoint / WEIGHTS, framework="pt") as file:
        return file.get_tensor("word")  # type: ignore[no-any-return]
