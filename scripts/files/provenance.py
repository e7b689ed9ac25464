"""Where a checkpoint folder came from: a file in the folder, which the packer takes over into the archive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from handler.config import ORIGIN
from scripts.console import err
from scripts.files.json_files import MALFORMED

SUFFIXES = (".json", ".safetensors", ".bin", ".txt", ".model")


class Provenance(msgspec.Struct, frozen=True, omit_defaults=True):
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


def read(folder: Path) -> Provenance:
    """What a folder says of itself; one that says nothing, or has such a file from elsewhere, came from itself."""
    try:
        return msgspec.json.decode((folder / ORIGIN).read_bytes(), type=Provenance)
    except (FileNotFoundError, IsADirectoryError):
        pass
    except MALFORMED as error:
        err.print(f"{folder / ORIGIN} is not read: {error}", style="yellow")
    return Provenance(folder.resolve().name)


def read_verified(folder: Path) -> Provenance:
    """What an archive says of the folder it was packed from.

    A folder whose files differ from those that were fetched is no longer the revision it came from, and says so.
    """
    recorded = read(folder)
    files = digests(folder, checkpoint_files(folder))
    changed = [
        name for name in {**recorded.files, **files} if recorded.files and recorded.files.get(name) != files.get(name)
    ]
    if changed:
        err.print(
            f"{folder.name} is no longer {recorded.source} as it was fetched: {changed[0]} differs", style="yellow"
        )
        return Provenance(f"{recorded.source}, changed", None, files, recorded.made_from)
    return msgspec.structs.replace(recorded, files=files)


def checkpoint_files(folder: Path) -> list[Path]:
    """Files of a checkpoint, its folders' too; hidden ones and those of other tools are not."""
    files = (file for file in folder.rglob("*") if file.suffix in SUFFIXES and file.name != ORIGIN and file.is_file())
    return [file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts)]


def write_with_digests(origin: Provenance, folder: Path) -> None:
    """Put it into the folder, with the digest of every file that is there."""
    write(msgspec.structs.replace(origin, files=digests(folder, checkpoint_files(folder))), folder)


def write(origin: Provenance, folder: Path) -> None:
    """Put it into the folder."""
    (folder / ORIGIN).write_bytes(msgspec.json.format(msgspec.json.encode(origin), indent=1) + b"\n")


def digests(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """The sha256 of each file, by its name within the folder."""
    return {shown(file.relative_to(folder)): digest(file) for file in sorted(files)}


def shown(file: Path) -> str:
    """A name as UTF-8 and in one line, whatever bytes it has."""
    return str(file).encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")


def combined(digests: Iterable[str]) -> str:
    """One digest of several."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def digest(file: Path) -> str:
    """The sha256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
