"""Why Java could not load an archive that looked whole: its own words are a stack that does not say."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile


def found(archive: Path) -> str:
    """The first entry whose bytes are not those that were packed; empty if all are.

    Each is read and its checksum compared, which a start does not take the time for.
    """
    try:
        with ZipFile(archive) as packed:
            entry = packed.testzip()
    except (BadZipFile, EOFError, OSError, zlib.error) as error:
        return f"{archive.name}: {error}"
    return f"{archive.name}: {entry!a} is not what was packed (its checksum differs)" if entry else ""
