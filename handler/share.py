"""A worker's share of the cores: a number in its lock file, where others write when they begin and end amid its batch.

Threads of one batch wait for each other several times in each layer. Where another worker needs a core, a pass goes on
sooner with fewer threads than with one that waits for its core again and again.
"""

from __future__ import annotations

from ctypes import addressof, c_int32, sizeof
from mmap import mmap
from os import pread, pwrite


class Share:
    """The worker's own, in memory that its kernels read between two regions.

    Args:
        file: descriptor of its lock file, open for reading and writing.
    """

    def __init__(self, file: int) -> None:
        pwrite(file, bytes(c_int32(1)), 0)  # so that there is room for it: a page without any would be a SIGBUS
        self.threads = c_int32.from_buffer(mmap(file, sizeof(c_int32)))

    @property
    def address(self) -> int:
        """Of an `int32_t`."""
        return addressof(self.threads)


def write(file: int, threads: int) -> None:
    """Tell a worker how many threads it may use from now on.

    Args:
        file: descriptor of its lock file; that of a worker that has no share stays as it is.
        threads: at least 1.
    """
    if pread(file, 1, 0):
        pwrite(file, bytes(c_int32(threads)), 0)
