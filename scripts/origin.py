"""Where a checkpoint folder came from: a file in the folder, which the packer takes over into the archive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from handler.config import ORIGIN


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """A folder's past.

    Attributes:
        source: hub id, package, or name of a folder or checkpoint; never a path of this machine.
        revision: commit on the hub.
        files: sha256 of each file of the folder.
        made_from: sha256 of each file it was converted from.
    """

    source: str
    revision: str | None = None
    files: dict[str, str] = {}
    made_from: dict[str, str] = {}


def read(folder: Path) -> Origin:
    """What a folder says of itself; one that says nothing came from itself."""
    try:
        return msgspec.json.decode((folder / ORIGIN).read_bytes(), type=Origin)
    except FileNotFoundError:
        return Origin(folder.resolve().name)


def write(origin: Origin, folder: Path) -> None:
    """Put it into the folder."""
    (folder / ORIGIN).write_bytes(msgspec.json.format(msgspec.json.encode(origin), indent=1) + b"\n")


def digests(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """The sha256 of each file, by its name within the folder."""
    return {str(file.relative_to(folder)): digest(file) for file in sorted(files)}


def digest(file: Path) -> str:
    """The sha256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
