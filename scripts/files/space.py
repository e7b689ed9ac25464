"""Disks that are full: whatever library ran out of space, one sentence names the folders and how much they have."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.console import Failure

NUMBERS = (errno.ENOSPC, errno.EDQUOT)
FULL = tuple(map(os.strerror, NUMBERS))
"""What errors say, also those that `shutil`, safetensors and a process of its own have put into a text."""
SHORT = re.compile(r"\d+ requested and \d+ written")
"""What numpy says instead."""


class Full(Failure):
    """A disk is full, and it is said which."""


@contextmanager
def explained(fix: str, *folders: Path) -> Iterator[None]:
    """Replace an error for want of space.

    Args:
        fix: what helps.
        folders: that are written to.

    Raises:
        Full: a disk is full; one that has been explained already stays as it is.
    """
    try:
        yield
    except Full:
        raise
    except (OSError, Failure) as error:
        said = f"{error} {getattr(error, 'why', '')}"
        full = next((words for words in FULL if words in said), FULL[0] if SHORT.search(said) else "")
        if not full:
            raise
        free = [f"{folder} has {shutil.disk_usage(there(folder)).free / 1e6:.1f} MB free" for folder in folders]
        raise Full(f"{full}: {'; '.join(free)}", fix=fix) from None


def there(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists: one that was begun may be gone again."""
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
