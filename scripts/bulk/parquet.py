"""Parquet files, read from any row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.bulk import arrow
from scripts.console import Failure

ROWS = 1024
"""Of a batch while it is read."""


def opened(path: Path) -> Any:
    """A `pyarrow.parquet.ParquetFile`.

    Raises:
        Failure: it is none.
    """
    parquet = arrow.module("pyarrow.parquet")
    try:
        return parquet.ParquetFile(path)
    except arrow.module("pyarrow").ArrowInvalid as error:
        raise Failure(f"{path} is no Parquet file: {error}", fix="write it again, or leave it out") from None


def read(path: Path, first: int, count: int) -> Any:
    """Rows `first` to `first + count`, counted from 0, as a `pyarrow.Table`.

    Row groups before them are passed over; within the group that holds the first, batches are read and dropped.
    """
    with opened(path) as file:
        metadata, before, groups = file.metadata, 0, []
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            if before + rows > first and before < first + count:
                groups.append((group, before))
            before += rows
        at, parts = groups[0][1], []
        for batch in file.iter_batches(ROWS, row_groups=[group for group, _ in groups]):
            start = max(0, first - at)
            if start < len(batch):
                parts.append(batch.slice(start, first + count - at - start))
            at += len(batch)
            if at >= first + count:
                break
        return arrow.module("pyarrow").Table.from_batches(parts)
