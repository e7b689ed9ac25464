"""Process ids as others report them, before anything is done to a process.

TorchServe shows -1 for a worker that is still starting, and to a kill -1 means every process of this user; 0 means the
caller's own group, and 1 is the machine's first process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil

FIRST = 1
POLL_SECONDS = 0.02
WALL_CLOCK = 1e9
"""Seconds from which on a time is one of the wall clock, as earlier versions of this project wrote it down."""
OURS = ("org.pytorch.serve.ModelServer", "model_service_worker.py")
"""In the command lines of TorchServe's Java and of its workers."""


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


def born(pid: int) -> float:
    """When a process was born, in seconds after the machine was.

    By the wall clock, as `create_time` has it, it is another time after each step of that clock. See proc_pid_stat(5),
    field 22; the second field is a name that may hold anything but is in the last parentheses.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    if not psutil.LINUX:
        return psutil.Process(pid).create_time()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    return int(fields[22 - 3]) / os.sysconf("SC_CLK_TCK")


def living(pid: int, created: float) -> psutil.Process | None:
    """The process that had this id when it was born at that time, unless it is gone; ids are used again."""
    try:
        process = find(pid)
        same = abs((born(pid) if created < WALL_CLOCK else process.create_time()) - created) < 1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def await_end(family: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until these have ended; those that have not when time is up.

    One that nobody has asked for its status has ended: in a container the first process may never ask.
    """
    deadline = monotonic() + seconds
    while (left := [process for process in family if not ended(process)]) and monotonic() < deadline:
        sleep(POLL_SECONDS)
    return left


def ended(process: psutil.Process) -> bool:
    """Whether nothing of it runs: the first of several threads may be a zombie before the others."""
    try:
        return not process.is_running() or (process.status() == psutil.STATUS_ZOMBIE and process.num_threads() == 1)
    except psutil.NoSuchProcess:
        return True


def of(temporary: str) -> list[psutil.Process]:
    """Java and the workers of the server with that temporary folder, which no other has, whoever their parent is."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if known(process.pid) and belongs(process.info["cmdline"] or (), temporary)
    ]


def belongs(command: Sequence[str], temporary: str) -> bool:
    """Whether a command line is TorchServe's, and names that folder."""
    return any(temporary in word for word in command) and any(word.endswith(OURS) for word in command)
