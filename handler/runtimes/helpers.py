"""Threads that take part in a pass of the kernels, each on a core that the caller does not compute on.

A helper that has slept for some milliseconds is often woken on the core of the thread that wakes it, where it waits
until that one is done: a virtual CPU without work is given away by its host, and Linux does not take such a one for
idle (`available_idle_cpu` in kernel/sched). Requests that came one by one, with pauses, had one core instead of all.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from ctypes import addressof
from threading import Thread
from typing import Any
from weakref import finalize

from handler.kernels.structures import Batch, Helpers, Model

current_core: Callable[[], int] | None = ctypes.CDLL(None).sched_getcpu if sys.platform == "linux" else None
"""Of the calling thread: sched_getcpu(3)."""


class ThreadPool:
    """Helpers, which wait and compute in the kernels: between two passes none of them is in the interpreter.

    They start here, so that one that cannot start is an error of loading and not of a request.

    Args:
        library: the kernels.
        model: of the passes.
        count: how many helpers.
    """

    def __init__(self, library: Any, model: Model, count: int) -> None:
        self.count = count
        self.library = library
        self.helpers = Helpers(model=addressof(model))
        finalize(self, end, library, self.helpers, count, os.getpid()).atexit = False
        parts = (library, self.helpers, model)
        started = [Thread(target=help_until_end, args=parts, name="kernel", daemon=True) for _ in range(count)]
        for thread in started:
            thread.start()
        self.threads = [thread.native_id for thread in started if thread.native_id]
        self.allowed: set[int] = set()
        """Cores on which helpers may run; empty before the first pass."""
        self.kept: list[object] = []
        """Batches that a helper may be looking at, although they are over."""

    def run(self, batch: Batch, threads: int, kept: object) -> None:
        """A pass, which is over when it returns, whether or not helpers have begun, or have noticed it.

        Args:
            batch: the `Batch`.
            threads: with this one.
            kept: what else must not go as long as a helper may look at it.
        """
        if threads == 1:  # nobody else sees it, but one may still be looking at an earlier one
            self.library.encode(self.helpers.model, addressof(batch), 0)
            return
        if current_core is not None:
            self.avoid(current_core())
        batch.helpers = threads - 1
        self.kept.append((batch, kept))
        if not self.library.run(addressof(self.helpers), addressof(batch)):
            self.kept.clear()

    def avoid(self, core: int) -> None:
        """Keep helpers off a core, unless they are, or it is the only one that the calling thread may run on."""
        others = os.sched_getaffinity(0) - {core}
        if others == self.allowed or not others:
            return
        with suppress(OSError):  # the cores of this process have just become others
            for thread in self.threads:
                os.sched_setaffinity(thread, others)
            self.allowed = others


def help_until_end(library: Any, helpers: Helpers, model: Model) -> None:
    """What a helper does. It holds what it reads, as it may outlive its pool by a moment."""
    library.help(addressof(helpers))


def end(library: Any, helpers: Helpers, count: int, process: int) -> None:
    """Let the helpers go; a process that was forked has none, though it may look as if."""
    if os.getpid() == process:
        library.end(addressof(helpers), count)
