"""The temporary folder of a server: archives are unpacked and kernels loaded there, and workers' sockets are in it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import ZipFile

from scripts.console import Failure, err
from scripts.server import environment

PREFIX = "bert-"
MIB = 1 << 20
SPARE = 8 * MIB
"""Bytes for what is not in an archive: sockets, logs of the start, classes that Java unpacks."""
LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
"""Bytes of a Unix socket's path (`sun_path` in unix(7), without the zero at its end)."""
BELOW = len("/bert-12345678/.ts.sock.65535")
"""Bytes of the longest name of a worker's socket, below the folder that is chosen."""


def make() -> Path:
    """A new folder in the first place that will do, and a word when that is not where the user wants it."""
    place, reason = choose()
    if reason:
        err.print(f"temporary files go to {place}: {reason}")
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))


def check_space(place: Path, archives: Iterable[Path]) -> None:
    """Refuse to unpack archives where they would fill the disk.

    Raises:
        Failure: with both numbers.
    """
    needed = sum(entry.file_size for archive in archives for entry in ZipFile(archive).infolist()) + SPARE
    free = shutil.disk_usage(place).free
    if free < needed:
        raise Failure(
            f"{place.parent} has {free / MIB:.0f} MiB free, and the unpacked archives take {needed / MIB:.0f} MiB",
            fix="make room there, or TMPDIR=/some/larger/folder",
        )


def choose() -> tuple[str, str]:
    """The first place that will do, and why it is not the one that the user wants; empty if it is.

    Raises:
        Failure: no place will do.
    """
    wanted = tempfile.gettempdir()
    reasons: dict[str, str] = {}
    for place in places(wanted):
        reason = unsuitable(place)
        if not reason:
            return place, reasons.get(wanted, "")
        reasons[place] = reason
    raise Failure(
        "no folder for temporary files will do", why="\n".join(reasons.values()), fix="TMPDIR=/some/short/folder"
    )


def places(wanted: str) -> Iterator[str]:
    """Where it may be, each once."""
    others = ("/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR", ""))
    yield from dict.fromkeys([wanted, *filter(os.path.isdir, others)])


def unsuitable(place: str) -> str:
    """Why a server cannot work there; empty if it can."""
    name = ascii(place)[1:-1]
    length = len(os.fsencode(place)) + BELOW
    if length > LONGEST_SOCKET:
        return f"{name} makes paths of sockets {length} bytes long, and {LONGEST_SOCKET} is the most a system takes"
    if any(sign in place for sign in "%#?\\"):  # log4j2 reads the path of its configuration as an address
        return f"{name} has a %, # or ?, which are parts of an address"
    if not place.isascii() and not environment.utf8_locale():
        return f"{name} is not ASCII, and this machine has no locale with UTF-8 for Java"
    if not os.access(place, os.W_OK):
        return f"{name} cannot be written"
    if os.statvfs(place).f_flag & getattr(os, "ST_NOEXEC", 0):
        return f"{name} is mounted noexec, and libraries are loaded from it"
    return ""
