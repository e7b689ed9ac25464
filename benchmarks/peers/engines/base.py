"""What an engine is here: token ids in, last hidden states out, with one thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Batch = list[list[int]]
"""Token ids of texts that run together."""
States = NDArray[np.float32]


class Engine(ABC):
    """One library's way to run an encoder.

    Attributes:
        precisions: that it has.
    """

    precisions: ClassVar[tuple[str, ...]]

    @classmethod
    def lacks(cls, precision: str) -> str:
        """Why this CPU cannot have one of the `precisions`; empty where it can."""
        return ""

    @classmethod  # noqa: B027 - most need nothing else than the checkpoint
    def convert(cls, checkpoint: Path, folder: Path, precision: str, sample: Sequence[Batch]) -> None:
        """Write to a folder what `__init__` reads; `sample` is for those that quantize by looking at activations."""

    @abstractmethod
    def __init__(self, checkpoint: Path, folder: Path, precision: str) -> None:
        """Load a model from what `convert` wrote, or from the checkpoint itself."""

    @abstractmethod
    def feed(self, batch: Batch) -> Any:
        """A batch as the library takes it; no time is counted for that."""

    @abstractmethod
    def run(self, fed: Any) -> Any:
        """Last hidden states, as the library gives them."""

    @abstractmethod
    def states(self, result: Any, batch: Batch) -> Iterator[States]:
        """Of each text its `(tokens, hidden)`."""


def rectangles(batch: Batch) -> dict[str, NDArray[np.int64]]:
    """Ids, mask and types `(texts, longest)` under the names that BERT's graphs have for them."""
    mask = np.zeros((len(batch), max(map(len, batch))), np.int64)
    for row, ids in zip(mask, batch, strict=True):
        row[: len(ids)] = 1
    padded = np.zeros_like(mask)
    padded[mask == 1] = [each for ids in batch for each in ids]
    return {"input_ids": padded, "attention_mask": mask, "token_type_ids": np.zeros_like(mask)}


def cut(hidden: States, batch: Batch) -> Iterator[States]:
    """The states of each text out of `(texts, longest, hidden)`."""
    for states, ids in zip(hidden, batch, strict=True):
        yield states[: len(ids)]
