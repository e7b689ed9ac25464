"""Memory that HAProxy took for large answers, given back: freed buffers between others that are in use keep its heap.

SIGQUIT lets HAProxy free what its pools do not use and trim its heap; it lists its pools in the log then
(https://docs.haproxy.org/2.6/management.html#4). So it is asked only when it has grown.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from scripts.gateway import maps

GROWN = 1.3
"""Times of what it had at first, beside what is in use. What `haproxy.MEMORY` keeps for the next request is less than
that, and would be taken again at once."""
SHORTEST, LONGEST = 4, 1200
"""Turns of the watch from one time to the next; twice as many after one that was of no use."""
MIB = 1 << 20


class Memory:
    """Of one HAProxy after the other.

    Args:
        admin: socket at which it takes commands.
    """

    def __init__(self, admin: Path) -> None:
        self.admin, self.pid = admin, 0

    def look(self, pid: int) -> None:
        """Once in each turn: ask it to give back what it does not use, where that is much.

        Args:
            pid: of the one there is now.

        Raises:
            OSError: HAProxy has ended.
        """
        now = resident(pid)
        if pid != self.pid:
            self.pid, self.first, self.pause, self.patience = pid, now, 0, SHORTEST
        if self.pause:
            self.pause -= 1
        elif now <= GROWN * self.first:
            self.patience = SHORTEST
        elif (used := in_use(self.admin)) < self.first and now - used > GROWN * self.first:  # else little would go
            os.kill(pid, signal.SIGQUIT)
            self.pause, self.patience = self.patience, min(2 * self.patience, LONGEST)


def resident(pid: int) -> int:
    """Bytes of memory that a process has.

    Raises:
        OSError: it has ended.
    """
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        raise ProcessLookupError(pid) from None


def in_use(admin: Path) -> int:
    """Bytes of buffers that hold something.

    Raises:
        OSError: HAProxy does not answer.
    """
    said = maps.told(admin, "show info").splitlines()
    return next(int(line.partition(":")[2]) * MIB for line in said if line.startswith("PoolUsed_MB:"))
