"""Opened archives in a process that forks: no batch is cut in two, and a child computes with one thread.

A child has only the thread that forked. Pools of torch's OpenMP, of tokenizers and of the kernels would wait there for
threads that are gone, and so would whoever wants a lock that one of them held.
"""

from __future__ import annotations

import os
from threading import Lock
from weakref import WeakSet

import torch

PROCESS = os.getpid()
"""The process that imported this: pools of threads are its own."""
TURNS: WeakSet[Lock] = WeakSet()
"""One per opened archive; who holds it computes."""
FORKING = Lock()
"""One fork at a time, and no archive is opened meanwhile."""
HELD: list[Lock] = []
"""Turns that the fork in hand has taken."""


def turn() -> Lock:
    """A lock to compute under: a fork waits until it is free, and it is free in the child."""
    lock = Lock()
    with FORKING:
        TURNS.add(lock)
    return lock


def allowed(threads: int) -> int:
    """So many threads, or one in a process that was forked."""
    return threads if os.getpid() == PROCESS else 1


def hold() -> None:
    """Before a fork: wait for the batches in hand."""
    FORKING.acquire()
    HELD.extend(TURNS)
    for lock in HELD:
        lock.acquire()


def release() -> None:
    """After it, in both processes."""
    for lock in HELD:
        lock.release()
    HELD.clear()
    FORKING.release()


def begin() -> None:
    """After it, in the child. Both settings are what later code of torch and tokenizers reads."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    release()


os.register_at_fork(before=hold, after_in_parent=release, after_in_child=begin)
