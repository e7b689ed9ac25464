"""A `.npy` file of vectors that an interrupted run continues: what `embed_many` of both clients writes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bert_client.calls import Array
from bert_client.digests import Digests
from bert_client.npy_rows import AppendableNpy

Progress = bool | Callable[[int], None]
"""What is told the number of vectors in the file after each block; True counts on stderr, False is silent."""


class VectorFile:
    """An open file and the texts whose vectors it does not have yet."""

    def __init__(self, rows: AppendableNpy, digests: Digests, texts: Iterator[str], progress: Progress) -> None:
        self.rows = rows
        self.digests = digests
        self.texts = texts
        self.progress = count_on_stderr if progress is True else progress

    def append(self, block: Array) -> None:
        """Write `(texts, dimensions)` vectors, then of which texts they are."""
        self.rows.append(block)
        self.digests.note(self.rows.count)
        if self.progress:
            self.progress(self.rows.count)


@contextmanager
def resumed(
    file: Path, provenance: Mapping[str, Any], texts: Iterable[str], batch: int, progress: Progress
) -> Iterator[VectorFile]:
    """The file, new or with what an earlier run wrote.

    Args:
        file: with `NAME.npy.made` beside it (`digests.py`).
        provenance: model and options that vectors depend on.
        texts: all of them, from the first; those whose vectors are there are read and compared.
        batch: texts per block.
        progress: see `Progress`.

    Raises:
        ValueError: the file holds vectors of other texts, or of another model or options.
    """
    if batch < 1:
        raise ValueError(f"batch is {batch}; it must be 1 or more")
    digests = Digests(file, provenance)
    with AppendableNpy(file) as rows:
        rest, rows.count = digests.resume(texts, rows.count)
        if rows.width:
            rows.append(np.empty((0, rows.width), np.float32))  # drops rows that were written and not noted
        yield VectorFile(rows, digests, digests.watch(rest, batch), progress)
    if progress is True:
        sys.stderr.write("\n")


def mapped(file: Path) -> Array:
    """The file's `(texts, dimensions)` float32, mapped; `(0, 0)` where nothing was written."""
    if not file.stat().st_size:
        return np.empty((0, 0), np.float32)
    array: Array = np.load(file, mmap_mode="r")
    return array


def count_on_stderr(rows: int) -> None:
    """One line that is written over."""
    sys.stderr.write(f"\r{rows} vectors")
    sys.stderr.flush()
