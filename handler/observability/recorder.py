"""Gathers what is kept of requests, and hands it to those that write it, from the thread of the telemetry."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from logging import getLogger
from threading import Lock
from time import time
from typing import Protocol

from handler.call import Call
from handler.observability.record import Batch, Record, Taken, record, take
from handler.telemetry import StageTimer

log = getLogger(__name__)

MOST = 4096
"""Requests that wait to be written down; beyond these the oldest are lost, and memory is not."""


class Output(Protocol):
    """Where records go."""

    name: str

    def write(self, records: Sequence[Record]) -> None:
        """Take some; no request waits for it."""

    def close(self) -> None:
        """Take no more: the worker ends."""


class Recorder:
    """The requests of one worker."""

    def __init__(self, model: str, version: str, outputs: Sequence[Output] = ()) -> None:
        self.served = (model, version, os.getpid())
        self.outputs = outputs
        self.waiting: deque[Taken] = deque(maxlen=MOST)
        self.failing: set[str] = set()
        self.gathering, self.writing = Lock(), Lock()

    def add(self, calls: Sequence[Call], timer: StageTimer, seconds: float) -> None:
        """Keep what is to be known of a batch that took so long; the server's own questions are left out."""
        if not self.outputs:
            return
        batch = Batch(len(calls), time() - seconds, seconds, timer.seconds)
        taken = [take(call, batch) for call in calls if not call.row.trusted]
        with self.gathering:
            self.waiting.extend(taken)

    def flush(self) -> None:
        """Hand on what has gathered. An output that fails costs neither the others nor the worker."""
        with self.writing:
            with self.gathering:
                taken = [*self.waiting]
                self.waiting.clear()
            records = [record(each, *self.served) for each in taken]
            for output in self.outputs if records else ():
                self.write(output, records)

    def write(self, output: Output, records: Sequence[Record]) -> None:
        """Hand them to one output."""
        try:
            output.write(records)
            self.failing.discard(output.name)
        except Exception as error:  # the thread has to go on, whatever a disk or a library does
            if output.name not in self.failing:
                log.warning("%s cannot be written: %s", output.name, type(error).__name__)
            self.failing.add(output.name)

    def close(self) -> None:
        """Write what is left, before the worker ends."""
        self.flush()
        for output in self.outputs:
            output.close()
