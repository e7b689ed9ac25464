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
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from ctypes import addressof
from threading import Barrier, get_native_id

from handler.kernels.structures import Batch

current_core: Callable[[], int] | None = ctypes.CDLL(None).sched_getcpu if sys.platform == "linux" else None
"""Of the calling thread: sched_getcpu(3)."""


class ThreadPool:
    """Helpers. ctypes lets go of the interpreter's lock, so that all compute at once.

    They start here, so that one that cannot start is an error of loading and not of a request.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.pool = ThreadPoolExecutor(max(1, count), thread_name_prefix="kernel")
        barrier = Barrier(max(1, count))

        def begin() -> int:
            barrier.wait()
            return get_native_id()

        self.threads = [begun.result() for begun in [self.pool.submit(begin) for _ in range(barrier.parties)]]
        self.allowed: set[int] = set()
        """Cores on which helpers may run; empty before the first pass."""

    def run(self, encode: Callable[..., None], model: int, batch: Batch, threads: int, kept: object) -> None:
        """A pass, which is over when it returns, whether or not helpers have begun, or have noticed it.

        Args:
            encode: of the kernels.
            model: address of the `Model`.
            batch: the `Batch`.
            threads: with this one.
            kept: what else must not go as long as a helper may look at it.
        """

        def help_with(thread: int, _: object = kept) -> None:
            encode(model, addressof(batch), thread)

        if threads > 1 and current_core is not None:
            self.avoid(current_core())
        helping: list[Future[None]] = []
        try:
            helping.extend(self.pool.submit(help_with, thread) for thread in range(1, threads))
            encode(model, addressof(batch), 0)
        except BaseException:  # a signal's; nobody else ends what a helper has begun
            batch.over = 1
            wait([helper for helper in helping if not helper.cancel()])
            raise
        for helper in helping:
            helper.cancel()

    def avoid(self, core: int) -> None:
        """Keep helpers off a core, unless they are, or it is the only one that the calling thread may run on."""
        others = os.sched_getaffinity(0) - {core}
        if others == self.allowed or not others:
            return
        with suppress(OSError):  # the cores of this process have just become others
            for thread in self.threads:
                os.sched_setaffinity(thread, others)
            self.allowed = others
