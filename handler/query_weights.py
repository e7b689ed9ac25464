"""Weights of a query's words from a table, without a model: the queries of inference-free sparse retrieval.

Source: `SparseStaticEmbedding` of sentence-transformers 6.2; https://arxiv.org/abs/2411.04403.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from handler.errors import Invalid
from handler.head import Scores
from handler.types import Encoding, Side

FILE = "query_weights.safetensors"
WEIGHTS = "weights"
"""Name of the table in its file, `(vocabulary,)` float32."""
META = "query_weights"
"""Key of the file's metadata that holds a `Queries`."""


class Queries(msgspec.Struct, frozen=True):
    """How a query is read.

    Attributes:
        length: tokens of the longest, without special ones.
        default: the side of a text of which nothing is said; None where that is an error.
    """

    length: int
    default: Side | None


class QueryWeights:
    """Token ids to their weights."""

    def __init__(self, folder: Path) -> None:
        with safe_open(folder / FILE, framework="np") as file:
            self.queries = msgspec.json.decode(file.metadata()[META], type=Queries)
            self.table: Scores = file.get_tensor(WEIGHTS)

    def asked(self, side: Side | None) -> bool:
        """Whether a text is a query.

        Raises:
            Invalid: nothing is said of it, and the model has no default.
        """
        side = side or self.queries.default
        if side is None:
            raise Invalid(
                'this model reads queries and documents apart; set "input_type" to query or document, '
                'or "prompt_name" on the route of TEI'
            )
        return side == "query"

    def weights(self, encodings: Sequence[Sequence[Encoding]]) -> Iterator[tuple[NDArray[np.int64], Scores]]:
        """For each text, by id, the ids of its tokens and their weights, without those that are 0."""
        for windows in encodings:
            ids = np.concatenate([np.asarray(window.ids, dtype=np.int64) for window in windows])
            special = np.concatenate([np.asarray(window.special, dtype=bool) for window in windows])
            words = np.unique(ids[~special])
            found = self.table[words]
            yield words[found != 0], found[found != 0]
