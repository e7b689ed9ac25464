"""A wheel as a smaller archive: `.tar.xz`, with nothing inside that is compressed already."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from scripts.console import Failure

EPOCH = (1980, 1, 1, 0, 0, 0)
EPOCH_SECONDS = 315532800  # the same; zip files know no earlier time, and tools may put these files into one


class Member(NamedTuple):
    """A file of an archive."""

    name: str
    content: bytes
    executable: bool = False


def members(wheel: Path) -> Iterator[Member]:
    """The files of a wheel, as they lie in site-packages.

    Raises:
        Failure: the wheel has files for other places.
    """
    with zipfile.ZipFile(wheel) as opened:
        for entry in sorted(opened.infolist(), key=lambda entry: entry.filename):
            if entry.is_dir():
                continue
            if ".data/" in entry.filename:
                raise Failure(f"{wheel.name} has {entry.filename}, which does not belong into site-packages")
            content = opened.read(entry)
            yield Member(
                entry.filename,
                stored(content) if entry.filename.endswith(".jar") else content,
                bool(entry.external_attr >> 16 & 0o111),
            )


def stored(jar: bytes) -> bytes:
    """The jar with its members uncompressed, which xz then does better: 18 MiB for TorchServe, whose wheel has 40."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(jar)) as source, zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as target:
        for entry in source.infolist():
            copy = zipfile.ZipInfo(entry.filename, EPOCH)
            copy.external_attr = entry.external_attr
            target.writestr(copy, source.read(entry))
    return written.getvalue()


def write(target: Path, files: Iterable[Member]) -> None:
    """An archive of these files, complete or not there; of equal files the same bytes."""
    part = target.with_suffix(".part")
    with tarfile.open(part, "w:xz", preset=9) as archive:
        for file in files:
            entry = tarfile.TarInfo(file.name)
            entry.size, entry.mtime, entry.mode = len(file.content), EPOCH_SECONDS, 0o755 if file.executable else 0o644
            archive.addfile(entry, io.BytesIO(file.content))
    part.replace(target)
