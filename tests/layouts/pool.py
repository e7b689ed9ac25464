"""Folders judged in forked processes, two at a time: one that kills its process is a row like the others."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import connection
from pathlib import Path
from time import monotonic
from typing import Any

from tests.layouts.layout import Layout
from tests.layouts.verdicts import KILLED, Verdict, judge

LIMIT = 240.0
"""Seconds for one folder."""


def run(layouts: Sequence[Layout], scratch: Path, processes: int = 2) -> Iterator[Verdict]:
    """In the order in which they are done."""
    import torch

    torch.set_num_threads(1)  # forked processes have none of the parent's threads
    waiting, running = deque(enumerate(layouts)), {}
    fork = multiprocessing.get_context("fork")
    while waiting or running:
        while waiting and len(running) < processes:
            number, layout = waiting.popleft()
            ours, theirs = fork.Pipe()
            process = fork.Process(target=child, args=(layout, scratch / str(number), theirs))
            process.start()
            theirs.close()
            running[ours] = (process, layout, monotonic())
        ready = connection.wait(list(running), timeout=1)
        late = [ours for ours, (_, _, began) in running.items() if monotonic() - began > LIMIT]
        for ours in {*ready, *late}:
            process, layout, began = running.pop(ours)  # type: ignore[index]
            yield received(ours, process, layout, monotonic() - began)


def received(ours: Any, process: Any, layout: Layout, seconds: float) -> Verdict:
    """What the process sent before it ended, or how it ended."""
    try:
        found: Verdict | None = ours.recv() if ours.poll() else None
    except EOFError:
        found = None
    if found is None:
        process.kill()
    process.join()
    ours.close()
    return found or Verdict(layout.title, KILLED, f"exit code {process.exitcode}", seconds=seconds)


def child(layout: Layout, here: Path, answer: Any) -> None:
    """One folder, without a word on this process's terminal."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    sys.stdout = sys.stderr = open(silence, "w")
    here.mkdir(parents=True)
    answer.send(judge(layout, here))
    answer.close()
    shutil.rmtree(here)
