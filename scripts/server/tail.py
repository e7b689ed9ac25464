"""Shows log files, and what is added to them."""

from __future__ import annotations

import sys
from pathlib import Path
from time import sleep

from scripts.console import Failure, err

FILES = ("console.log", "server.log", "worker.log")


def follow(folder: Path, lines: int, following: bool) -> None:
    """Print the last lines of each file; with `following`, then everything new.

    Raises:
        Failure: there are no logs.
    """
    files = [folder / name for name in FILES if (folder / name).exists()]
    if not files:
        raise Failure(f"no logs in {folder}", fix="scripts/bert start")
    read = {}
    for file in files:
        text = file.read_text(errors="replace")
        read[file] = file.stat().st_size
        err.print(file.name, style="bold")
        sys.stdout.write("".join(f"{line}\n" for line in text.splitlines()[-lines:]))
        sys.stdout.flush()
    while following:
        sleep(0.3)
        for file in files:
            read[file] = copy_from(file, read[file])


def copy_from(file: Path, position: int) -> int:
    """Print what follows `position`; from the start again when the file was rotated."""
    size = file.stat().st_size if file.exists() else 0
    if size < position:
        position = 0
    if size > position:
        with file.open("rb") as stream:
            stream.seek(position)
            sys.stdout.write(stream.read().decode(errors="replace"))
            sys.stdout.flush()
    return size
