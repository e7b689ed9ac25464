"""Memory that large requests took, given back to the system: the C library keeps what was freed for the next ones."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

GROWN = 64 << 20
"""Bytes above the least it had, at which a worker gives back: ordinary batches stay below."""
STATM = Path("/proc/self/statm")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Memory:
    """What this process has resident, looked at after each batch; nothing happens where Linux or glibc is missing."""

    def __init__(self) -> None:
        self.trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if STATM.exists() else None
        self.file = os.open(STATM, os.O_RDONLY) if self.trim else -1
        """Kept open: to open it for each batch takes seven times as long as to read it."""
        self.least = self.resident() if self.trim else 0

    def give_back(self) -> None:
        """Return what is free, if there is much."""
        if self.trim is None or self.resident() < self.least + GROWN:
            return
        self.trim(0)
        self.least = self.resident()

    def resident(self) -> int:
        """Bytes."""
        return int(os.pread(self.file, 128, 0).split()[1]) * PAGE
