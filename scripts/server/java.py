"""Starts TorchServe's Java for a server whose folder is made; the first time, and each time after it died."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO

import msgspec
import psutil

from scripts.console import Failure
from scripts.paths import CONFIG
from scripts.server import processes, unpacked
from scripts.server.state import Server

LOG_CONFIG = "log4j2.xml"
REAP_SECONDS = 10
PRIVATE_FOLDER = 0o700
PRIVATE = 0o077
"""The mask for what TorchServe writes: its logs are for nobody else."""


def start(server: Server, environment: Mapping[str, str]) -> Server:
    """Run TorchServe's launcher, which returns at once; Java goes on in a session of its own.

    Args:
        server: whose folder and temporary folder are there.
        environment: of Java, and of its workers.

    Returns:
        The server with the id of its Java, written down.

    Raises:
        Failure: Java ended at once: it refuses a flag, or has too little memory.
    """
    with private_log(server.logs / "console.log") as console:
        subprocess.run(
            command(server),
            cwd=server.folder,  # where `launch` has put changed classes
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            umask=PRIVATE,
        )
    try:
        pid = int(pid_file(Path(server.temporary)).read_text())
        created = processes.born(processes.find(pid).pid)
    except (FileNotFoundError, psutil.NoSuchProcess):
        raise not_started(server) from None
    return server.change(lambda now: msgspec.structs.replace(now, pid=pid, created=created))


def private_log(file: Path) -> BinaryIO:
    """A log to add to, which only its user may read."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def command(server: Server) -> list[str]:
    """Of the launcher; not its script, whose first line names where .venv was made."""
    return [
        *(sys.executable, "-m", "ts.model_server"),
        *("--start", "--ncs", "--ts-config", str(Path(server.folder) / "config.properties")),
        *("--log-config", str(Path(server.temporary) / LOG_CONFIG), "--model-store", str(server.unpacked)),
        *("--models", *(f"{name}={unpacked.folder(server, loaded).name}" for name, loaded in server.answering.items())),
    ]


def pid_file(place: Path) -> Path:
    """Where TorchServe leaves the id of its Java process."""
    return place / ".model_server.pid"


def not_started(server: Server) -> Failure:
    """In TorchServe's own words."""
    written = (server.logs / "console.log").read_text(errors="replace")
    return Failure("TorchServe did not start", why=written, fix="scripts/bert doctor")


def clear(server: Server) -> None:
    """End what a Java that died has left, and make the folders that the next one needs; nobody else may look in.

    Raises:
        Failure: somebody else has made one of them.
        OSError: one cannot be made.
    """
    end(processes.of(server.temporary))
    for emptied in (Path(server.temporary), server.unpacked, server.locks, server.births, server.drain_notes):
        shutil.rmtree(emptied, ignore_errors=True)
        emptied.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        if emptied.lstat().st_uid != os.geteuid():  # anybody may make one in /tmp once it was deleted
            raise Failure(f"{emptied} belongs to another user", fix="TMPDIR=/a/folder/of/your/own")
    for kept in (Path(server.folder), server.logs, server.scaled):
        kept.mkdir(parents=True, exist_ok=True)
        kept.chmod(PRIVATE_FOLDER)
    shutil.copy(CONFIG / LOG_CONFIG, server.temporary)  # it is read as an address: see `temporary.py`


def end(family: list[psutil.Process], seconds: float = 10) -> None:
    """Kill these processes, and wait until they are gone."""
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    processes.await_end(family, seconds)


def reap(pid: int) -> str:
    """How a process ended, where it was a child of this one, which is then forgotten by the system.

    It may have threads that are still ending, and is not to be had before them.
    """
    unknown, deadline = "for a reason that is not known", monotonic() + REAP_SECONDS
    try:
        while not (found := os.waitpid(pid, os.WNOHANG))[0]:
            if monotonic() > deadline:
                return unknown
            sleep(0.01)
    except ChildProcessError:  # it was started by another process, such as a supervisor that is gone
        return unknown
    code = os.waitstatus_to_exitcode(found[1])
    return f"by signal {-code}" if code < 0 else f"with exit status {code}"
