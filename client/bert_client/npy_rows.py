"""A `.npy` file that grows row by row and is a valid file after each block."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray


class AppendableNpy:
    """Float32 rows of one length, appended. A file cut off in the middle of a block goes on after the last whole one.

    numpy leaves room in the header for the number of rows to grow, so it is written again in its place
    (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
    """

    def __init__(self, file: Path) -> None:
        self.stream = file.open("r+b" if file.exists() else "w+b")
        try:
            self.count, self.width, self.start = self.read()
        except ValueError:
            self.stream.close()
            raise

    def read(self) -> tuple[int, int, int]:
        """Rows, their length, and where they begin; none of an empty file.

        Raises:
            ValueError: the file is no such array.
        """
        if not self.stream.read(1):
            return 0, 0, 0
        self.stream.seek(0)
        try:
            npy.read_magic(self.stream)
            (count, width), columns_first, dtype = npy.read_array_header_1_0(self.stream)
        except ValueError as error:
            raise ValueError(f"{self.stream.name} is no .npy file of rows: {error}") from None
        if columns_first or dtype != np.dtype("<f4"):
            raise ValueError(f"{self.stream.name} holds {dtype}, not rows of float32")
        start = self.stream.tell()
        there = (os.fstat(self.stream.fileno()).st_size - start) // max(4 * width, 1)
        return min(int(count), there), int(width), start

    def append(self, rows: NDArray[Any]) -> None:
        """Write a block, and then say so in the header.

        Raises:
            ValueError: the rows have another length than those before.
        """
        if self.count and rows.shape[1] != self.width:
            raise ValueError(f"{self.stream.name} has rows of {self.width}, these have {rows.shape[1]}")
        self.width = int(rows.shape[1])
        self.start = self.start or len(self.header())
        self.stream.seek(self.start + 4 * self.width * self.count)
        self.stream.write(rows.astype("<f4", copy=False).tobytes())
        self.stream.truncate()
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.count += len(rows)
        self.stream.seek(0)
        self.stream.write(self.header())
        self.stream.flush()

    def header(self) -> bytes:
        """For the rows so far."""
        described = {"descr": "<f4", "fortran_order": False, "shape": (self.count, self.width)}
        stream = BytesIO()
        npy.write_array_header_1_0(stream, described)
        return stream.getvalue()

    def __enter__(self) -> AppendableNpy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stream.close()
