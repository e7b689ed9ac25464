"""The operator's file of keys as HAProxy reads it: digests with names, exchanged whenever the file changes."""

from __future__ import annotations

import os
from pathlib import Path

from handler.keys import digest, parse
from scripts.console import Failure
from scripts.server import keys


def read(file: Path) -> tuple[list[str], str]:
    """`DIGEST NAME` of each key; while the file is not as it should be none, and why: then nobody may ask."""
    try:
        keys.check(file)
        found, _ = parse(file.read_text())
    except Failure as failure:
        return [], failure.what
    except (OSError, UnicodeDecodeError) as error:
        return [], f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"
    return [f"{digest(key).hex().upper()} {name}" for name, key in found], ""


def stamp(file: Path) -> tuple[int, ...]:
    """What changes with a file; empty while it is not there."""
    try:
        about = os.stat(file)
    except OSError:
        return ()
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_mode
