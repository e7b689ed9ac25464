"""The operator's file of keys as HAProxy reads it: digests with names, exchanged whenever the file changes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from handler.keys import digest, parse
from scripts.console import Failure
from scripts.server import keys


def lines(file: Path) -> list[str]:
    """`DIGEST NAME` of each key; none while the file cannot be read or is not as it should be: then nobody may ask."""
    try:
        keys.check(file)
        found, _ = parse(file.read_text())
    except (OSError, UnicodeDecodeError, Failure):
        return []
    return [f"{digest(key).hex().upper()} {name}" for name, key in found]


def stamp(file: Path) -> tuple[int, ...]:
    """What changes with a file; empty while it is not there."""
    try:
        about = os.stat(file)
    except OSError:
        return ()
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_mode


def exchange(admin: Path, key_map: Path, wanted: list[str]) -> None:
    """Put other keys in the place of those that HAProxy has, in one step, and into the file for its next start.

    Raises:
        OSError: HAProxy does not answer.
    """
    key_map.write_text("".join(f"{line}\n" for line in wanted))
    version = told(admin, f"prepare map {key_map}").split()[-1]
    for line in wanted:
        told(admin, f"add map @{version} {key_map} {line}")
    told(admin, f"commit map @{version} {key_map}")


def told(admin: Path, command: str) -> str:
    """Say a command to HAProxy's socket (https://docs.haproxy.org/2.6/management.html#9.3); its answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        here = os.open(admin.parent, os.O_RDONLY)
        try:
            connection.connect(f"/proc/self/fd/{here}/{admin.name}")  # its own path may be too long for a socket
        finally:
            os.close(here)
        connection.sendall(f"{command}\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
