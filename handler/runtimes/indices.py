"""A batch as the packed encoder reads it: rows of its tables, and where sequences begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from handler.types import Encoding

Arrays = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
"""Of `Indices`, in its order, on the host."""


@dataclass(frozen=True, slots=True)
class Indices:
    """int32 on the model's device.

    Attributes:
        lengths: tokens of each sequence, on the host.
        ids: `(tokens,)` token ids.
        positions: `(tokens,)` rows of the table of positions.
        offsets: `(sequences + 1,)` where each sequence begins, and where the last one ends.
        types: `(tokens,)` token types; empty where the model has none.
    """

    lengths: Sequence[int]
    ids: Tensor
    positions: Tensor
    offsets: Tensor
    types: Tensor

    @property
    def first(self) -> Tensor:
        """`(sequences,)` where the first token of each is."""
        return self.offsets.narrow(0, 0, len(self.lengths))


def arrays(encodings: Sequence[Encoding], first_position: int, tables: Mapping[str, Sized]) -> Arrays:
    """The arrays of a batch.

    Args:
        encodings: its sequences.
        first_position: see `position_rows`.
        tables: of embeddings, `word`, and `position` and `type` where the model has them; and `attention_bias`, if any.

    Returns:
        int64 ids, positions and types, `(tokens,)` each, and offsets, `(sequences + 1,)`, in the order of `Indices`.

    Raises:
        IndexError: a row that a table does not have. A GPU would end the process for it, and kernels of ours would read
            whatever lies there.
    """
    lengths = [len(encoding) for encoding in encodings]
    offsets = np.array([0, *accumulate(lengths)])
    total = int(offsets[-1])
    ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), np.int64, total)
    positions = position_rows(ids, offsets, first_position)
    types = chain.from_iterable(encoding.type_ids for encoding in encodings) if "type" in tables else ()
    found = ids, positions, offsets, np.fromiter(types, np.int64)
    for name, rows in (("word", ids), ("position", positions), ("type", found[3])):
        if len(rows) and name in tables and rows.view(np.uint64).max() >= len(tables[name]):  # less than 0 is most
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {len(tables[name])} in table {name}")
    if "attention_bias" in tables:
        check_distances(lengths, tables["attention_bias"])
    return found


def check_distances(lengths: Sequence[int], bias: Any) -> None:
    """Refuse what is longer than attention knows distances for, `(heads, 2 * longest - 1)`; see `arrays`."""
    longest = bias.shape[1] // 2 + 1
    if max(lengths) > longest:
        raise IndexError(f"a sequence of {max(lengths)} tokens; attention has distances for {longest}")


def position_rows(ids: NDArray[Any], offsets: NDArray[Any], first: int) -> NDArray[Any]:
    """Rows of the table of positions, `(tokens,)`.

    Models whose first position is not 0 count it from the id of the padding token, which itself stands at that number
    and does not count: a `<pad>` in a text shifts all that follow. So does transformers'
    `create_position_ids_from_input_ids` of RoBERTa.

    Args:
        ids: `(tokens,)`, of all sequences.
        offsets: `(sequences + 1,)`, where each begins.
        first: row of a sequence's first token.
    """
    padding = ids == first - 1 if first else ids[:0]
    usual = not padding.any()
    if usual and len(offsets) == 2:  # a lone sequence
        return np.arange(first, len(ids) + first)
    lengths = np.diff(offsets)
    if usual:
        places: NDArray[Any] = np.arange(first, len(ids) + first) - np.repeat(offsets[:-1], lengths)
        return places
    counted = np.concatenate([[0], np.cumsum(~padding)])
    return np.where(padding, first - 1, first - 1 + counted[1:] - np.repeat(counted[offsets[:-1]], lengths))
