"""A process that has its work done by a child, and by another one when that is killed: nobody need notice.

Where the keeper itself is killed, its child becomes a keeper, which has the work done by a child of its own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from tempfile import TemporaryFile
from time import monotonic, sleep
from types import FrameType
from typing import NoReturn

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ENDING = (signal.SIGTERM, signal.SIGINT)
SHORT_LIFE = 5.0
"""Seconds; after a child that lived less the next one waits, each time twice as long."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 8.0
PR_SET_CHILD_SUBREAPER = 36
"""prctl(2): orphans below this process become its children, so that somebody asks for their exit status."""


class Keeper:
    """One process, which has no threads, and its child.

    Args:
        work: called in each child, with whether it is not the first; its value is the exit status.
        again: whether not even the first child is.
    """

    def __init__(self, work: Callable[[bool], int], again: bool = False) -> None:
        self.work = work
        self.again = again
        self.child = 0
        self.asked = False
        self.pause = FIRST_WAIT

    def run(self) -> int:
        """Until a child ends by itself, or as it was told to; its exit status. In a child this does not return."""
        become_parent_of_orphans()
        while not self.asked:
            begun = monotonic()
            if not self.fork():
                sys.exit(self.work(self.again))
            status, self.again = self.wait(), True
            if status >= 0 or -status in ENDING or self.asked:
                return max(status, 0)
            self.pause = min(2 * self.pause, LONGEST_WAIT) if monotonic() - begun < SHORT_LIFE else FIRST_WAIT
            said(f"process {self.child} was killed by signal {-status}; another one goes on")
            sleep(self.pause)
        return 0

    def fork(self) -> int:
        """As `os.fork`; signals of before are the child's. Standard output is the first child's alone."""
        signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        self.child = os.fork()
        for number in FORWARDED:
            signal.signal(number, self.forward if self.child else signal.SIG_DFL)
        if not self.child:
            signal.signal(signal.SIGHUP, nothing)  # until the work has another answer: no reason to end
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        if self.child:
            with open(os.devnull, "wb") as null:
                os.dup2(null.fileno(), sys.stdout.fileno())
        return self.child

    def wait(self) -> int:
        """For the end of the child; how it ended, as `subprocess` has it. Orphans that end are forgotten."""
        while True:
            pid, status = os.wait()
            if pid == self.child:
                return os.waitstatus_to_exitcode(status)

    def forward(self, number: int, frame: FrameType | None) -> None:
        """Called by Python when a signal has come."""
        self.asked = self.asked or number in ENDING
        with suppress(ProcessLookupError):  # there is none just now
            os.kill(self.child, number)


def nothing(number: int, frame: FrameType | None) -> None:
    """Of a signal that asks for nothing. Unlike `SIG_IGN` it is not passed on to programs that are started."""


def begin_again(keeper: int, module: str, *words: str, stdin: bytes = b"") -> NoReturn:
    """Be the keeper in the place of one that was killed: under the id of this process, with the children it has.

    Args:
        keeper: process id of the one before.
        module: of the work.
        words: of its command line.
        stdin: what it reads.
    """
    said(f"process {keeper} was killed, and process {os.getpid()} takes its place")
    file = TemporaryFile()
    file.write(stdin)
    file.seek(0)
    os.dup2(file.fileno(), sys.stdin.fileno())
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)  # until `fork`, which forwards what came meanwhile
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *words])


def said(text: str) -> None:
    """A line with the time, on standard error."""
    sys.stderr.write(f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {text}\n")
    sys.stderr.flush()


def become_parent_of_orphans() -> None:
    """TorchServe's launcher, Java's own parent, ends at once; and so may a child. Only Linux can do this."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
