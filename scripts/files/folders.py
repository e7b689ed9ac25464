"""Folders that are there whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.console import Failure


def is_nonempty(target: Path) -> bool:
    """Whether something is there already; an empty folder does not count."""
    return target.exists() and not (target.is_dir() and not any(target.iterdir()))


@contextmanager
def atomic_directory(target: Path, replace: bool = False) -> Iterator[Path]:
    """A folder that becomes `target` if the block succeeds, and disappears if it fails.

    Args:
        target: where it will be.
        replace: whether what is there may go.

    Raises:
        Failure: `target` holds something that may not go.
    """
    if is_nonempty(target) and not replace:
        raise Failure(f"{target} is not empty", fix="name a folder that does not exist yet")
    target = target.resolve()  # a link stays, and leads to the folder
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield part
        part.chmod(0o755)  # mkdtemp makes it private
        if is_nonempty(target):
            shutil.rmtree(target)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
