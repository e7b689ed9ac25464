"""The process beside HAProxy: starts it again should it die, follows keys and versions, and bounds the log.

`python -m scripts.gateway.watch FOLDER HOST PORT [KEYS]`. The socket to which clients connect is this process' own, so
that they wait while HAProxy starts again, and nobody is refused.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from types import FrameType

from scripts.gateway import keys, maps, versions
from scripts.gateway.settings import DOOR, KEY_MAP

CONFIG, LOG = "haproxy.cfg", "gateway.log"
POLL_SECONDS = 0.5
LONGEST_LOG = 64 << 20
DRAIN_SECONDS, DRAIN_POLL = 30, 0.05
PR_SET_PDEATHSIG = 1
"""prctl(2)."""
BACKLOG = 1024
MEMORY = {"MALLOC_ARENA_MAX": "1"}
"""HAProxy's buffers have `--max-body` bytes: what one thread has freed, glibc gives to the other."""


class Ended(Exception):
    """A signal asked for the end."""


def end(number: int, frame: FrameType | None) -> None:
    """Of SIGTERM and SIGINT."""
    raise Ended


def run(folder: Path, host: str, port: int, key_file: Path | None) -> None:
    """Keep HAProxy running until a signal; then let it finish what it has."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    door = listening(host, port)
    seen = written(folder, key_file)
    haproxy, begun = spawn(folder, door), monotonic()
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                haproxy.wait(POLL_SECONDS)
                with suppress(OSError):  # HAProxy is more than keys that changed just now
                    seen = written(folder, key_file)
                haproxy = again(folder, door, begun)
                begun = monotonic()
            with suppress(OSError):  # else it is tried again
                if key_file and (now := keys.stamp(key_file)) != seen:
                    maps.exchange(folder, KEY_MAP, keys.lines(key_file))
                    seen = now
            with suppress(OSError):
                versions.follow(folder)
            with suppress(OSError):
                bound(folder / LOG)
    except Ended:
        pass
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        door.close()
        stop(folder, haproxy)


def written(folder: Path, key_file: Path | None) -> tuple[int, ...]:
    """Write the keys where HAProxy reads them when it starts; as they were when the file had the stamp returned."""
    if key_file is None:
        return ()
    stamp = keys.stamp(key_file)
    maps.write(folder / KEY_MAP, keys.lines(key_file))
    return stamp


def listening(host: str, port: int) -> socket.socket:
    """Where clients connect."""
    return socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
    )


def again(folder: Path, door: socket.socket, begun: float) -> subprocess.Popen[bytes]:
    """Start another HAProxy at once, but not one after the other that cannot stay."""
    sleep(max(0.0, begun + POLL_SECONDS - monotonic()))
    return spawn(folder, door)


def spawn(folder: Path, door: socket.socket) -> subprocess.Popen[bytes]:
    """Start HAProxy in its folder; paths of its sockets are relative to it."""
    number = door.fileno()
    with (folder / LOG).open("ab") as log:
        return subprocess.Popen(
            [program(), "-db", "-f", CONFIG],
            cwd=folder,
            env=os.environ | MEMORY | {DOOR: f"fd@{number}"},
            pass_fds=[number],
            preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def die_with_parent() -> None:
    """Of HAProxy, before it starts: whatever ends this process, no gateway is left that nobody watches."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def program() -> str:
    """HAProxy's path; Debian keeps it where only root's shell looks."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin") or "haproxy"


def stop(folder: Path, haproxy: subprocess.Popen[bytes]) -> None:
    """Let requests that have begun have their answers, then end it.

    SIGUSR1 would close all of its sockets at once, and with them the one between its two proxies, which a request needs
    whose body is still arriving, or that is sent again. So the door closes first.
    """
    deadline, admin = monotonic() + DRAIN_SECONDS, folder / maps.ADMIN
    with suppress(OSError):
        maps.told(admin, "shutdown frontend door")
        while " fe=door " in maps.told(admin, "show sess") and monotonic() < deadline:
            sleep(DRAIN_POLL)
    haproxy.send_signal(signal.SIGUSR1)
    try:
        haproxy.wait(max(1, deadline - monotonic()))
    except subprocess.TimeoutExpired:
        haproxy.kill()
        haproxy.wait()


def bound(log: Path) -> None:
    """Begin a log anew when it is long; the one before is kept. HAProxy appends to the same file."""
    if log.stat().st_size > LONGEST_LOG:
        shutil.copyfile(log, log.with_suffix(".log.old"))
        with log.open("r+b") as file:
            file.truncate()


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]) if len(sys.argv) > 4 else None)
