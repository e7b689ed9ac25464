"""Work in a process of its own: whatever it does to itself, memory and time included, is an answer like any other."""

from __future__ import annotations

import os
import pickle
import resource
import selectors
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KILLED, HUNG = "killed", "hung"


@dataclass(slots=True)
class Child:
    """One that runs.

    Attributes:
        pid: of the process.
        pipe: where its answer comes from.
        until: when it counts as hung.
    """

    pid: int
    pipe: int
    until: float
    answer: bytes = b""


def be_single_threaded() -> None:
    """Prepare this process for its children: no thread may run when they fork, and they say nothing but answers."""
    import torch
    from transformers.utils import logging as transformers_logging

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def start(work: Callable[[], Any], seconds: float, gigabytes: float) -> Child:
    """Fork.

    Args:
        work: what it does; its answer has to be picklable.
        seconds: after which it is ended.
        gigabytes: of address space, beside what this process has.
    """
    receiving, sending = os.pipe()
    pid = os.fork()
    if pid:
        os.close(sending)
        return Child(pid, receiving, time.monotonic() + seconds)
    os.close(receiving)
    limit = address_space() + int(gigabytes * (1 << 30))
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence()
    try:
        with os.fdopen(sending, "wb") as stream:
            pickle.dump(work(), stream)
    finally:
        os._exit(0)


def silence() -> None:
    """What libraries print is of no use."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def address_space() -> int:
    """Bytes that this process has mapped."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def finish(child: Child) -> Any:
    """The answer; `(KILLED, why)` or `(HUNG, why)` where there is none."""
    with selectors.DefaultSelector() as selector:
        selector.register(child.pipe, selectors.EVENT_READ)
        while selector.select(max(0.0, child.until - time.monotonic())):
            part = os.read(child.pipe, 1 << 16)
            if not part:
                break
            child.answer += part
        else:
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            os.close(child.pipe)
            return HUNG, "no answer in time"
    os.close(child.pipe)
    _, status = os.waitpid(child.pid, 0)
    return pickle.loads(child.answer) if child.answer else (KILLED, f"wait status {status}")
