"""A worker's share of the cores: a number in its lock file, which the others lower when they begin amid its batch.

Threads of one batch wait for each other several times in each layer. Where another worker needs a core, a pass goes on
sooner with fewer threads than with one that waits for its core again and again.
"""

from __future__ import annotations

from ctypes import addressof, c_int32, sizeof
from mmap import mmap
from os import pwrite
from pathlib import Path


class Share:
    """The worker's own, in memory that its kernels read.

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

    def renew(self, threads: int) -> None:
        """Before a batch: as many as there are cores, until somebody else begins one."""
        self.threads.value = threads


def lower(file: Path, threads: int) -> None:
    """Leave a worker that many threads at most until its batch is done.

    Args:
        file: its lock file; one that is gone, or of a worker that has no share, stays as it is.
        threads: at least 1.
    """
    try:
        with file.open("r+b", buffering=0) as stream:
            found = c_int32.from_buffer_copy(stream.read(sizeof(c_int32)))
            if threads < found.value:
                stream.seek(0)
                stream.write(bytes(c_int32(threads)))
    except (FileNotFoundError, ValueError):
        pass
