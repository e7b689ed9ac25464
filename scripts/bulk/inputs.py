"""Files that a run reads: which they are, and what was found in each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from glob import glob, has_magic
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from scripts.bulk import formats
from scripts.bulk.formats import FORMATS, Survey, Told, nobody
from scripts.console import Failure


class Input(Struct, frozen=True):
    """One file.

    Attributes:
        path: absolute.
        size: in bytes.
        mtime_ns: when it was last written to.
        sha256: of its content.
        survey: what it holds.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str
    survey: Survey


def check(path: Path, size: int, mtime_ns: int) -> None:
    """Make sure that a file is still what was looked through.

    Raises:
        Failure: it is not.
    """
    if stamp(path) != (size, mtime_ns):
        raise Failure(f"{path} was changed while it was read", fix="another --out, once it stays as it is")


def stamp(path: Path) -> tuple[int, int]:
    """Size and time by which a change is seen."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def find(given: Iterable[str], results: Path) -> list[Path]:
    """Files that arguments name: files, folders with all files of known endings below them, and globs; in order.

    Args:
        given: the arguments.
        results: the folder of the output, which may lie among the inputs: folders and globs do not name what is there.

    Raises:
        Failure: an argument names none, or two name the same one.
    """
    found: list[Path] = []
    for argument in given:
        path = Path(argument)
        if path.is_dir():
            files = [file for file in path.rglob("*") if file.suffix.lower() in FORMATS and visible(file, path)]
        elif has_magic(argument) and not path.exists():
            files = [file for file in map(Path, glob(argument, recursive=True)) if file.is_file()]
        else:
            files = [path] if path.is_file() else []
        if files != [path]:
            files = sorted(file for file in files if not file.resolve().is_relative_to(results.resolve()))
        if not files:
            raise Failure(f"{argument} names no file", fix=f"a file, a folder or a glob of {', '.join(FORMATS)}")
        found += [file.resolve() for file in files]
    twice = sorted({str(path) for path in found if found.count(path) > 1}) if len(set(found)) < len(found) else []
    if twice:
        raise Failure(f"{twice[0]} is named twice", fix="name each file once")
    return found


def visible(file: Path, folder: Path) -> bool:
    """Whether neither the file nor a folder on the way to it is hidden."""
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


def look(path: Path, block: int, known: Mapping[str, Input], told: Told = nobody) -> Input:
    """A file and what it holds; one that is as it was is not read again."""
    before = known.get(str(path))
    size, mtime_ns = stamp(path)
    if before and (before.size, before.mtime_ns) == (size, mtime_ns):
        told(size)
        return before
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if before and digest == before.sha256:
        told(size)
        return replace(before, mtime_ns=mtime_ns)
    found = Input(str(path), size, mtime_ns, digest, formats.of(path).survey(path, block, told))
    check(path, size, mtime_ns)
    return found
