"""Files that are there whole or not at all, whatever ends the process that writes them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from scripts.console import Failure

UNFINISHED = ".writing-"
"""What names of files begin with until they are whole."""


@contextmanager
def atomic(target: Path) -> Iterator[BinaryIO]:
    """A file that becomes `target` if the block succeeds; its content is on the disk before its name is."""
    part = target.parent / f"{UNFINISHED}{uuid4().hex}"
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder that one run may write into, without what an earlier one left half-written.

    Raises:
        Failure: another run holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        hold(descriptor, folder)
        for file in folder.glob(f"{UNFINISHED}*"):
            file.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


def hold(descriptor: int, folder: Path) -> None:
    """Lock the folder; the lock ends with the process.

    Raises:
        Failure: another process holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failure(f"another run writes into {folder}", fix="let it end, or name another --out") from None
