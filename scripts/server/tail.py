"""Shows log files, and what is added to them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from time import sleep

from scripts.console import Failure, err
from scripts.server.gpu import hardware

FILES = ("console.log", "server.log", "worker.log", "restarts.log")
USUAL = (
    "Warning: TorchServe is using non-default JVM parameters",  # ours, in `config.properties` and `launch.py`
    "WARNING: sun.reflect.Reflection.getCallerClass is not supported",  # of the logging library, on every newer Java
)
"""Begin lines that Java writes in a healthy server, too."""
NO_GPU = "nvidia-smi not available or failed"
"""As usual where there is no GPU."""


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
        whole = text.splitlines()
        told = without_usual_warnings(whole)
        usual = len(whole) - len(told)
        note = f" ({usual} lines that every start writes are left out; {file} has them)" if usual else ""
        err.print(f"{file.name}{note}", style="bold")
        sys.stdout.write("".join(f"{line}\n" for line in told[-lines:]))
        sys.stdout.flush()
    while following:
        sleep(0.3)
        for file in files:
            read[file] = copy_from(file, read[file])


def without_usual_warnings(lines: Sequence[str]) -> list[str]:
    """Without the warnings of a healthy server, which look like a cause to whoever searches for one."""
    usual = USUAL if hardware() else (*USUAL, NO_GPU)
    return [line for line in lines if not line.startswith(usual)]


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


def last_lines(folder: Path, lines: int = 15) -> str:
    """The last lines that the server itself wrote."""
    files = [folder / name for name in ("console.log", "server.log") if (folder / name).exists()]
    told = (without_usual_warnings(file.read_text(errors="replace").splitlines()) for file in files)
    return "\n".join(line for written in told for line in written[-lines:])
