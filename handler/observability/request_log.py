"""The log of requests: a line of JSON for each, in one file for all workers of a server."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec

from handler.observability.record import Record

MOST_BYTES = 20 << 20
"""Of the file, as in `config/log4j2.xml`."""
OLD = 3
"""Full files that stay: `requests.1.log` is the latest."""


class RequestLog:
    """Appends to the file. It is opened for each write, since another worker may have begun a new one."""

    name = "the log of requests"

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, records: Sequence[Record]) -> None:
        """See `Output.write`; lines of several workers never mix."""
        content = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        while True:
            stream = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                fcntl.flock(stream, fcntl.LOCK_EX)
                if not self.is_current(stream):
                    continue
                size = os.fstat(stream).st_size
                if size and size + len(content) > MOST_BYTES:
                    self.rotate()
                    continue
                os.write(stream, content)
                return
            finally:
                os.close(stream)

    def is_current(self, stream: int) -> bool:
        """Whether the file still has its name: another worker may have renamed it while this one waited."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.stat(self.file), os.fstat(stream))
        return False

    def rotate(self) -> None:
        """Give the full file a number, and those before it the next ones; the last is overwritten."""
        names = [self.file, *(self.file.with_suffix(f".{number}{self.file.suffix}") for number in range(1, OLD + 1))]
        for older, newer in pairwise(reversed(names)):
            with suppress(FileNotFoundError):
                newer.replace(older)

    def close(self) -> None:
        """See `Output.close`."""
