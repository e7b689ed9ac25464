"""What answers the rows of a block, and an archive that does so in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from platform import machine
from typing import Any, Protocol

from handler import errors
from handler.types import Row
from scripts.bulk.rows import Record, Refused
from scripts.console import Failure
from scripts.files import space

JSON = "application/json"
REQUESTS = 256
"""Rows per call of an archive: enough to fill its batches; few enough for answers that hold states of all tokens."""


class Engine(Protocol):
    """Something that answers."""

    def identity(self) -> str:
        """What tells it from every other one whose answers differ wherever they are computed."""

    def arithmetic(self) -> str:
        """What its answers' last digits depend on beside that: processor, runtime and precision."""

    def answers(self, task: str, bodies: Sequence[Record]) -> list[Any]:
        """An answer or `Refused` for each request.

        Raises:
            Failure: none of them can be answered now.
        """

    def replies(self, requests: Sequence[tuple[str, bytes]]) -> list[tuple[int, bytes]]:
        """Status and body for each path and JSON, as a server would reply to them.

        Raises:
            Failure: see `answers`.
        """


class Archive:
    """An archive that is open in this process."""

    def __init__(self, bert: Any) -> None:
        self.bert = bert

    def identity(self) -> str:
        """See `Engine.identity`: a digest of what the archive holds."""
        return str(self.bert.identity)

    def arithmetic(self) -> str:
        """See `Engine.arithmetic`: with the CPU's kind among those that kernels are made for, or the GPU's name."""
        about = self.bert.ask("info", {})
        return f"{chip(about['device'])}, {about['runtime']}, {about['dtype']}"

    def answers(self, task: str, bodies: Sequence[Record]) -> list[Any]:
        """See `Engine.answers`."""
        found: list[Any] = []
        for first in range(0, len(bodies), REQUESTS):
            found += self.bert.answers(task, list(bodies[first : first + REQUESTS]))
        return [refused(each) if isinstance(each, errors.BertError) else each for each in found]

    def replies(self, requests: Sequence[tuple[str, bytes]]) -> list[tuple[int, bytes]]:
        """See `Engine.replies`."""
        rows = [Row({"body": body}, {}, JSON, path, trusted=True) for path, body in requests]
        found = []
        for first in range(0, len(rows), REQUESTS):
            found += self.bert.opened.answer(rows[first : first + REQUESTS])
        return [(reply.status, reply.body) for reply in found]


def chip(device: str) -> str:
    """What computes; kernels of one kind of CPU add up in the same order, on all of that kind."""
    import torch

    from handler import kernels

    if device != "cpu":
        return torch.cuda.get_device_name(device)
    return f"cpu {kernels.detect_isa() or machine()}"


def refused(error: errors.BertError) -> Refused:
    """What a request was refused for.

    Raises:
        Failure: it was not the request's fault.
    """
    if isinstance(error, errors.Overloaded):
        raise Failure(f"a block was not computed: {error}", fix="fewer --processes, or smaller --block-rows")
    return Refused(str(error))


@contextmanager
def opened(archive: Path, threads: int, device: str) -> Iterator[Archive]:
    """An archive, with so many threads, 0 for all cores, and a device as `open_archive` has it.

    Raises:
        Failure: it cannot be opened.
    """
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # read when torch loads: threads that wait leave cores to others
    from handler import open_archive
    from handler.unpacking import cache

    try:
        with space.explained("make room there, or BERT_CACHE=/some/larger/folder", cache()):
            bert = open_archive(archive, threads, device)
    except errors.ConfigError as error:
        raise Failure(str(error)) from None
    with bert:
        yield Archive(bert)
