"""HAProxy's maps: files of lines `KEY VALUE` that it reads when it starts, and exchanges while it runs."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.files import private

ADMIN = "admin.sock"


def read(file: Path) -> list[str]:
    """Its lines; none while it is not there."""
    return file.read_text().splitlines() if file.exists() else []


def write(file: Path, lines: Sequence[str]) -> None:
    """All lines in one step, readable by their user only."""
    private.write(file, "".join(f"{line}\n" for line in lines).encode())


def exchange(folder: Path, name: str, wanted: Sequence[str]) -> None:
    """Put other lines in the place of those that HAProxy has, in one step, and then into the file for its next start.

    Args:
        folder: of the gateway.
        name: of the map's file in it.
        wanted: the lines.

    Raises:
        OSError: HAProxy does not answer.
    """
    admin = folder / ADMIN
    version = told(admin, f"prepare map {name}").split()[-1]
    for line in wanted:
        told(admin, f"add map @{version} {name} {line}")
    told(admin, f"commit map @{version} {name}")
    write(folder / name, wanted)


def told(admin: Path, command: str) -> str:
    """Say a command to HAProxy's socket (https://docs.haproxy.org/2.6/management.html#9.3); its answer.

    Raises:
        OSError: it is not there, or ended before it answered.
    """
    with connected(admin) as connection:
        connection.sendall(f"{command}\n".encode())
        if not (answer := b"".join(iter(lambda: connection.recv(65536), b""))):  # an empty line is an answer
            raise ConnectionError(f"HAProxy ended before it answered {command.split(maxsplit=1)[0]!r}")
        return answer.decode()


def connected(admin: Path) -> socket.socket:
    """A connection to HAProxy's socket.

    Raises:
        OSError: it is not there.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    try:
        with short(admin) as path:
            connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def short(path: Path) -> Iterator[str]:
    """Another path of a socket, whose own may be longer than the 107 bytes that unix(7) takes."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
