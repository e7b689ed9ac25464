"""Files by which the workers of one server and `bert` know of each other: who computes, is to leave, or died."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path

WAITING = b"waiting"
"""What a worker writes on the note that asks it to leave, once it works on nothing."""
REFUSING = b"refusing"
"""What `bert stop` writes on its note once everything that was accepted before is in the workers' hands."""


def drain_notes(folder: Path) -> Path:
    """Where `bert scale` leaves a note for each worker that is to leave, beside the folder of the locks."""
    return folder.with_name("leaving")


@lru_cache  # each batch asks
def stop_note(folder: Path) -> Path:
    """The file that `bert stop` holds locked while it stops the server, beside the folder of the locks."""
    return folder.with_name("stopping")


def restarts_log(folder: Path) -> Path:
    """Where it is written that a process died and was replaced, beside the folder of the locks."""
    return folder.with_name("logs") / "restarts.log"


def write_restart(folder: Path, what: str, text: str) -> None:
    """Add a line for a `server` or a `worker`; a server that is ended has no folder any more."""
    line = f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {what} {text}\n"
    with suppress(FileNotFoundError):
        log = os.open(restarts_log(folder), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(log, line.encode())  # one call: lines of several processes stay whole
        finally:
            os.close(log)


def is_refusing(folder: Path) -> bool:
    """Whether the server is being stopped and takes no new work; not when `bert stop` itself has died since."""
    note = stop_note(folder)
    try:
        return os.path.exists(note) and note.read_bytes() == REFUSING and is_locked(note)
    except FileNotFoundError:
        return False


def notable_requests(folder: Path) -> Path:
    """Where each worker writes which requests were slow or failed, beside the folder of the locks."""
    return folder.with_name("requests")


def births(folder: Path) -> Path:
    """Where each worker has a file from the moment it begins to load, beside the folder of the locks."""
    return folder.with_name("born")


def be_born(folder: Path, model: str) -> int:
    """Leave a file for this worker, and say how many died before it, whose files are removed, each by one worker only.

    Those that `bert scale` has sent away are no dead ones: it removes their files itself.
    """
    births(folder).mkdir(exist_ok=True)
    dead = 0
    for file in model_locks(births(folder), model):
        if not is_running(owner(file)) and not (drain_notes(folder) / file.name).exists():
            with suppress(FileNotFoundError):
                file.unlink()
                dead += 1
                found = f"pid {os.getpid()} found when it began"
                write_restart(folder, "worker", f"of {model}, pid {owner(file)}, died, as {found}")
    (births(folder) / f"{model}.{os.getpid()}").touch(0o600)
    return dead


def model_locks(folder: Path, model: str) -> list[Path]:
    """Files of a model's workers, of dead ones too."""
    return [file for file in folder.iterdir() if model_of(file) == model]


def model_of(file: Path) -> str:
    """The model of the worker whose file it is."""
    return file.name.rpartition(".")[0]


def owner(file: Path) -> int:
    """The process whose lock it is."""
    return int(file.name.rpartition(".")[2])


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
            return is_held(stream.fileno())
    except FileNotFoundError:
        return False


def is_held(file: int) -> bool:
    """Whether somebody holds the lock of an open file, by its descriptor."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False
