"""Files by which the workers of one server and `bert` know of each other: who computes, and who is to leave."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

WAITING = b"waiting"
"""What a worker writes on the note that asks it to leave, once it works on nothing."""


def drain_notes(folder: Path) -> Path:
    """Where `bert scale` leaves a note for each worker that is to leave, beside the folder of the locks."""
    return folder.with_name("leaving")


def notable_requests(folder: Path) -> Path:
    """Where each worker writes which requests were slow or failed, beside the folder of the locks."""
    return folder.with_name("requests")


def worker_locks(folder: Path, model: str) -> list[Path]:
    """Lock files of a model's living workers."""
    names = ((file, *file.name.rpartition(".")) for file in folder.iterdir())
    return [file for file, owner, _, pid in names if owner == model and is_running(int(pid))]


def is_running(pid: int) -> bool:
    """Whether a process has that id; lock files of workers that ended stay behind."""
    try:
        if pid <= 0:  # to a kill these mean many processes
            return False
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def is_locked(file: Path) -> bool:
    """Whether somebody holds the lock."""
    try:
        with file.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False
