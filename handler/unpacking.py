"""An archive's file to a folder with its content, unpacked once per machine and shared by all processes of a user.

What nobody has opened for `KEPT_SECONDS` is removed when another archive is unpacked.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pkgutil
import shutil
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path, PurePosixPath
from time import time

from handler.errors import ConfigError

CACHE = "BERT_CACHE"
MANIFEST = "MAR-INF/MANIFEST.json"
PACKAGE = "handler"
KEPT_SECONDS = 30 * 86_400
Entries = list[zipfile.ZipInfo]


def unpack(archive: Path) -> tuple[Path, str]:
    """The folder with an archive's content, and the identity of that content.

    The identity is the SHA-256 of all entries' names, lengths and CRCs: those are in the archive's last bytes, so that
    an archive of any size is known at once. The folder is named after it; it appears whole or not at all.

    Raises:
        ConfigError: there is no such archive, it is damaged, or another version of this package packed it.
    """
    if not archive.exists():
        raise ConfigError(f"there is no {archive}; scripts/bert pack makes archives")
    if archive.is_dir():
        raise ConfigError(
            f"{archive} is a folder, no archive; scripts/bert pack makes a .mar file of a checkpoint folder"
        )
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = packed.infolist()
            check(archive, entries)
            identity = digest(entries)
            folder = cache() / identity
            if not whole(folder, entries):
                extract(packed, folder)
                tidy(folder.parent)
            with suppress(OSError):  # where nobody may write, nobody removes
                os.utime(folder)  # it was opened now
            return folder, identity
    except zipfile.BadZipFile as error:
        raise ConfigError(f"{archive} is no archive, or damaged: {error}; pack it again") from None
    except OSError as error:
        raise ConfigError(f"{archive} cannot be unpacked: {error}; {CACHE} names another folder") from None


def hold(folder: Path) -> int:
    """A descriptor by which others see that the folder is in use, for as long as it is open in any process."""
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def tidy(place: Path) -> None:
    """Remove what nobody uses, nor has opened for long."""
    for folder in place.iterdir():
        with suppress(OSError):  # somebody holds it, or removes it, too
            if folder.is_dir() and not folder.suffix and folder.stat().st_mtime < time() - KEPT_SECONDS:
                held = os.open(folder, os.O_RDONLY)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)
                    folder.with_suffix(".lock").unlink()
                finally:
                    os.close(held)


def cache() -> Path:
    """Where archives are unpacked: `BERT_CACHE`, or a folder where the user's caches are."""
    named = os.environ.get(CACHE)
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bert-archives"


def digest(entries: Entries) -> str:
    """The identity of a content."""
    lines = sorted(f"{entry.CRC:08x} {entry.file_size} {entry.filename}\n" for entry in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check(archive: Path, entries: Entries) -> None:
    """Refuse what was not packed with this very package: an archive's server computes with its own copy.

    Another version may give other digits, and its kernels may read other structures.
    """
    names = {entry.filename for entry in entries}
    if MANIFEST not in names:
        raise ConfigError(f"{archive} is no archive of a model: it has no {MANIFEST}")
    other = sorted(entry.filename for entry in entries if own_crc(PurePosixPath(entry.filename), entry) != entry.CRC)
    if other or f"{PACKAGE}/{Path(__file__).name}" not in names:
        what = f"{other[0]} and {len(other) - 1} other files differ" if other else "it has no code to be opened with"
        raise ConfigError(
            f"{archive} was packed with another version of the package {PACKAGE}: {what}; pack it again, "
            f"or import the archive's own: PYTHONPATH={archive}"
        )


def own_crc(name: PurePosixPath, entry: zipfile.ZipInfo) -> int:
    """The CRC of the file of this package that an entry is a copy of; the entry's own where it is a copy of none."""
    if name.parts[0] != PACKAGE or name.suffix != ".py":
        return entry.CRC
    try:  # the package itself may be read from an archive
        return zlib.crc32(pkgutil.get_data(PACKAGE, str(name.relative_to(PACKAGE))) or b"")
    except OSError:
        return ~entry.CRC


def whole(folder: Path, entries: Entries) -> bool:
    """Whether nothing of an unpacked archive is missing or cut off: programs that tidy up may have been there."""
    return all(size(folder / entry.filename) == entry.file_size for entry in entries if not entry.is_dir())


def size(file: Path) -> int | None:
    """Bytes of a file; None where there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return None


def extract(packed: zipfile.ZipFile, folder: Path) -> None:
    """Unpack, while other processes that want the same wait."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if whole(folder, packed.infolist()):
            return
        part = folder.with_suffix(".part")
        for left in (part, folder):  # by a process that was killed, or by what tidied up
            shutil.rmtree(left, ignore_errors=True)
        try:
            packed.extractall(part)
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
