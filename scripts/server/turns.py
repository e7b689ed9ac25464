"""One command after the other: a lock that is waited for, and not for ever."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from time import monotonic, sleep
from typing import IO

from scripts.console import Failure

POLL_SECONDS = 0.1


def take(lock: IO[str], deadline: float, what: str, waiting: Callable[[], object] = lambda: None) -> None:
    """Lock an open file, which is unlocked when it is closed.

    Args:
        lock: the file.
        deadline: by `time.monotonic`.
        what: another command does who has it.
        waiting: called once, if somebody has it.

    Raises:
        Failure: somebody has it at the deadline.
    """
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if monotonic() > deadline:
                raise Failure(f"another command still {what}, and time is up", fix="raise --timeout") from None
        if not told:
            waiting()
            told = True
        sleep(POLL_SECONDS)
