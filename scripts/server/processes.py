"""Process ids as others report them, before anything is done to a process.

TorchServe shows -1 for a worker that is still starting, and to a kill -1 means every process of this user; 0 means the
caller's own group, and 1 is the machine's first process.
"""

from __future__ import annotations

from typing import Any

import psutil

FIRST = 1


def known(pid: Any) -> int | None:
    """A process id that means one process, and not the machine's first one; else None."""
    return pid if type(pid) is int and pid > FIRST else None


def find(pid: int) -> psutil.Process:
    """The process with that id.

    Raises:
        psutil.NoSuchProcess: there is none, or the number means something else than one process.
    """
    if known(pid) is None:
        raise psutil.NoSuchProcess(pid, msg=f"{pid} is no process that was started here")
    return psutil.Process(pid)
