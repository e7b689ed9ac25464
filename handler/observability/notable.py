"""The slowest and the last failed requests of a worker, in a file that `bert slow` reads; it outlives the worker."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from heapq import nlargest
from operator import attrgetter
from pathlib import Path

import msgspec

from handler.locks import is_running, notable_requests
from handler.observability.record import Record

KEPT = 32
"""Of each kind, by one worker."""
DEAD = 16
"""Files of workers that ended; where one dies again and again, older ones are removed."""


class Found(msgspec.Struct):
    """What such a file holds."""

    slowest: list[Record] = []
    failed: list[Record] = []


class Notable:
    """What one worker keeps.

    Args:
        locks: folder of lock files; its own is beside it.
        model: name of the model.
    """

    name = "the list of slow requests"

    def __init__(self, locks: Path, model: str) -> None:
        self.folder = notable_requests(locks)
        self.file = self.folder / f"{model}.{os.getpid()}.json"
        self.slowest: list[Record] = []
        self.failed: deque[Record] = deque(maxlen=KEPT)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.prune()

    def prune(self) -> None:
        """Remove old files of dead workers."""
        dead = [file for file in self.folder.glob("*.*.json") if not is_running(int(file.stem.rpartition(".")[2]))]
        for file in sorted(dead, key=lambda each: each.stat().st_mtime)[:-DEAD]:
            file.unlink(missing_ok=True)

    def write(self, records: Sequence[Record]) -> None:
        """See `Output.write`; the file is replaced in one step."""
        slowest = nlargest(KEPT, [*self.slowest, *records], key=attrgetter("latency_ms"))
        failed = [record for record in records if record.error_type is not None]
        if slowest == self.slowest and not failed:
            return
        self.slowest = slowest
        self.failed.extend(failed)
        part = self.file.with_suffix(".part")
        content = msgspec.json.encode(Found(self.slowest, list(self.failed)))
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(content)
        part.replace(self.file)

    def close(self) -> None:
        """See `Output.close`; the file stays."""
