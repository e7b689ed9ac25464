"""Late interaction, a vector per token instead of one per text, as ColBERT has it (https://arxiv.org/abs/2004.12832)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from handler.head import Head, Scores
from handler.token_vectors import TokenVectors, Vectors
from handler.truncation import truncate
from handler.types import Encoding, Output, Side

FILE = "multi_vector.safetensors"
"""The layers from token states to vectors: a chain as that of a head."""
NO_VECTORS = -1e9
"""Score of a document that has no vector, below every other one: that of sentence-transformers 6.2 (`util.maxsim`)."""
META = "multi_vector"
"""Key of the file's metadata that holds a `MultiVector`."""


class Expansion(msgspec.Struct, frozen=True):
    """What is added to a query, which gets vectors of its own, and so more weight for words that matter.

    Attributes:
        length: tokens of the query with it.
        token: that is repeated, `[MASK]` as a rule.
        attended: whether other tokens look at it; else it looks at them alone.
        fixed: whether longer queries are cut to `length`.
    """

    length: int
    token: int
    attended: bool
    fixed: bool


class MultiVector(msgspec.Struct, frozen=True):
    """What becomes of a text's tokens, as `MultiVectorEncoder` of sentence-transformers 6.2 has it.

    Attributes:
        query_length, document_length: tokens of the longest.
        expansion: of queries.
        skipped: ids of tokens whose vectors are left out, such as punctuation.
        skipped_in: the sides on which they are.
        normalize: whether vectors have length 1.
        average: whether a score is the mean over a query's vectors instead of their sum.
        first: tokens before the first one that has a vector.
    """

    query_length: int
    document_length: int
    expansion: Expansion | None = None
    skipped: list[int] = []
    skipped_in: tuple[Side, ...] = ("document",)
    normalize: bool = True
    average: bool = False
    first: int = 0

    @property
    def masks(self) -> bool:
        """Whether it has tokens that no other looks at."""
        return self.expansion is not None and not self.expansion.attended


def read(file: Path) -> MultiVector:
    """What an archive's file says."""
    with safe_open(file, framework="pt") as opened:
        return msgspec.json.decode(opened.metadata()[META], type=MultiVector)


class LateInteraction:
    """Token states to vectors, and vectors of a query and a document to a score."""

    def __init__(self, folder: Path, device: str) -> None:
        self.description = read(folder / FILE)
        self.reading = TokenVectors(Head(folder, device, FILE), self.description.normalize)

    @property
    def size(self) -> int:
        """Of a vector; 0 where it is as wide as the states."""
        head = self.reading.head
        return head.size if head.description.steps else 0

    def fit(self, side: Side, windows: Sequence[Encoding], policy: str) -> list[Encoding]:
        """Encodings of a text as long as those of its side, a query's with its expansion."""
        description = self.description
        most = description.query_length if side == "query" else description.document_length
        cut = [part for window in windows for part in truncate(window, policy, most)]
        expansion = description.expansion if side == "query" else None
        return cut if expansion is None else [expanded(each, expansion) for each in cut]

    def vectors(
        self, sides: Sequence[Side], encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> list[Vectors]:
        """`(vectors, dimensions)` of each text; its windows are one text."""
        flat = [*chain.from_iterable(outputs)]
        rows = iter(np.split(self.reading.of(flat), np.cumsum([*map(len, flat)])[:-1]))
        return [
            np.concatenate([next(rows)[self.kept(side, windows, number)] for number in range(len(windows))])
            for side, windows in zip(sides, encodings, strict=True)
        ]

    def kept(self, side: Side, windows: Sequence[Encoding], number: int) -> NDArray[np.intp]:
        """Which tokens of a window have vectors: of special tokens those at both ends of the text."""
        description, window = self.description, windows[number]
        own = window.own_tokens(number == 0, number == len(windows) - 1)
        places = np.arange(own.start + (description.first if number == 0 else 0), own.stop)
        if side not in description.skipped_in or not description.skipped:
            return places
        kept: NDArray[np.intp] = places[~np.isin(np.asarray(window.ids)[places], description.skipped)]
        return kept

    def scores(self, query: Vectors, documents: Sequence[Vectors]) -> Scores:
        """`(documents,)` MaxSim: for each of a query's vectors the nearest one of the document, added up."""
        sums = np.array(
            [(query @ each.T).max(axis=1).sum() if len(each) else NO_VECTORS for each in documents], dtype=np.float32
        )
        return sums / np.float32(len(query)) if self.description.average else sums


def expanded(encoding: Encoding, expansion: Expansion) -> Encoding:
    """A query with as many further tokens as it lacks."""
    lacking = expansion.length - len(encoding)
    if lacking <= 0:
        return encoding
    return Encoding(
        encoding.ids + [expansion.token] * lacking,
        encoding.type_ids + [0] * lacking,
        encoding.special + [1] * lacking,
        attended=None if expansion.attended else len(encoding),
    )
