"""Entries of a zip archive that lead out of the folder it is unpacked into."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath
from zipfile import ZipInfo


def leads_out(name: str) -> bool:
    """Whether a name is absolute or goes up, as POSIX or Windows reads it."""
    windows = PureWindowsPath(name)
    return bool(windows.anchor) or ".." in windows.parts or PurePosixPath(name).is_absolute() or "\0" in name


def unsafe(entries: Iterable[ZipInfo]) -> list[str]:
    """Names of those that lead out by their names, or are symbolic links.

    TorchServe writes each entry where its name says, `../` included (`ZipUtils.unzip` of pytorch/serve).
    """
    return [
        entry.orig_filename
        for entry in entries
        if leads_out(entry.orig_filename) or stat.S_ISLNK(entry.external_attr >> 16)
    ]
