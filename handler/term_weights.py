"""A weight for each token of a text, by which the text is searched as by its words; BGE-M3 has a layer for them.

Source: https://arxiv.org/abs/2402.03216, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from handler.head import Head, Scores
from handler.token_vectors import TokenVectors
from handler.types import Encoding, Output

FILE = "term_weights.safetensors"
"""The layer: a chain as that of a head."""
META = "term_weights"
"""Key of the file's metadata that holds a `Terms`."""


class Terms(msgspec.Struct, frozen=True):
    """Which tokens are words.

    Attributes:
        unused: ids of special tokens, which are none.
    """

    unused: list[int]


class TermWeights:
    """Token states to weights of token ids."""

    def __init__(self, folder: Path, device: str) -> None:
        with safe_open(folder / FILE, framework="pt") as file:
            self.terms = msgspec.json.decode(file.metadata()[META], type=Terms)
        self.reading = TokenVectors(Head(folder, device, FILE), False)

    def weights(
        self, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> Iterator[tuple[NDArray[np.int64], Scores]]:
        """For each text, by id, the ids above 0 and their weights: the largest of each, whatever window it is in."""
        flat = [*chain.from_iterable(outputs)]
        rows = iter(np.split(self.reading.of(flat)[:, 0], np.cumsum([*map(len, flat)])[:-1]))
        for windows in encodings:
            found = np.concatenate([next(rows) for _ in windows])
            ids = np.concatenate([np.asarray(window.ids, dtype=np.int64) for window in windows])
            counted = (found > 0) & ~np.isin(ids, self.terms.unused)
            words, places = np.unique(ids[counted], return_inverse=True)
            most: Scores = np.zeros(len(words), dtype=np.float32)
            np.maximum.at(most, places, found[counted])
            yield words, most
