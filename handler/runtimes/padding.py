"""Sequences as a padded block, for engines that want one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handler.types import Encoding, Output


def pad(encodings: Sequence[Encoding], pad_id: int = 0) -> dict[str, NDArray[np.int64]]:
    """`input_ids`, `token_type_ids` and `attention_mask`, `(sequences, longest)` each."""
    lengths = [len(encoding) for encoding in encodings]
    shape = (len(lengths), max(lengths))
    ids = np.full(shape, pad_id, dtype=np.int64)
    types = np.zeros(shape, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    for row, (encoding, length) in enumerate(zip(encodings, lengths, strict=True)):
        ids[row, :length] = encoding.ids
        types[row, :length] = encoding.type_ids
        mask[row, : length if encoding.attended is None else encoding.attended] = 1
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}


def unpad(
    encodings: Sequence[Encoding], hidden: NDArray[np.float32], pooled: NDArray[np.float32] | None
) -> list[Output]:
    """Each sequence's own rows of `(sequences, longest, hidden)`."""
    return [
        Output(hidden[row, : len(encoding)], None if pooled is None else pooled[row])
        for row, encoding in enumerate(encodings)
    ]
