"""HAProxy's own program: where it is, what it says of a configuration, and how it is started and ended."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from time import monotonic, sleep

import psutil

from scripts.console import Failure
from scripts.gateway import bodies, maps
from scripts.gateway.settings import DOOR
from scripts.server import processes

CONFIG, TRIED = "haproxy.cfg", "haproxy.cfg.tried"
LOG, OLD_LOG = "gateway.log", "gateway.log.old"
DRAIN_SECONDS = 30
POLL_SECONDS = 0.05
STDERR = 2
OLDEST = (2, 6)
INSTALL = "apt-get install haproxy (version 2.6 or newer)"
MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(2 << 20)}
"""Buffers are given to glibc after each request: what one thread has freed, the other gets. Some MiB stay for the next
request, as giving each back to the system took half of HAProxy's time."""


def program() -> str:
    """HAProxy's path; Debian keeps it where only root's shell looks."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin") or "haproxy"


def check(folder: Path, *configurations: str) -> None:
    """Let HAProxy read configurations before anything depends on them.

    Raises:
        Failure: HAProxy is not there, or refuses it; its own words are shown.
    """
    for configuration in configurations:
        (folder / TRIED).write_text(configuration)
        try:
            checked = subprocess.run([program(), "-c", "-f", TRIED], cwd=folder, capture_output=True, text=True)
        except FileNotFoundError:
            raise Failure("HAProxy is not installed", fix=INSTALL) from None
        finally:
            (folder / TRIED).unlink()
        if checked.returncode:
            fix = INSTALL if outdated() else "correct what these lines name, in the gateway's options or in their files"
            raise Failure("HAProxy refuses its configuration", why=checked.stderr, fix=fix)


def outdated() -> bool:
    """Whether HAProxy is older than what its configuration is written for."""
    words = subprocess.run([program(), "-v"], capture_output=True, text=True).stdout
    found = re.match(r"HA-?Proxy version (\d+)\.(\d+)", words)
    return found is not None and (int(found[1]), int(found[2])) < OLDEST


def spawn(folder: Path, door: socket.socket, before: int = 0, log: int = STDERR) -> subprocess.Popen[bytes]:
    """Start HAProxy in its folder; paths of its sockets are relative to it.

    Args:
        folder: of the gateway.
        door: where clients connect.
        before: process id of the HAProxy that is to take nothing more once this one does.
        log: descriptor that it writes to.
    """
    return begin(folder, door, ["-f", CONFIG, *(["-sf", str(before)] if before else [])], log)


def spawn_bodies(folder: Path, door: socket.socket, log: int = STDERR) -> subprocess.Popen[bytes]:
    """Start the one that holds large bodies, which come to that socket; see `spawn`."""
    return begin(folder, door, ["-f", bodies.CONFIG], log)


def begin(folder: Path, door: socket.socket, words: Sequence[str], log: int) -> subprocess.Popen[bytes]:
    """A process of HAProxy, with those words at the end of its command line."""
    return subprocess.Popen(
        [program(), "-db", *words],
        cwd=folder,
        env=os.environ | MEMORY | {DOOR: f"fd@{door.fileno()}"},
        pass_fds=[door.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


def append() -> None:
    """Have all who write the log write at its end.

    It is the standard error of this process and of each HAProxy, opened once: with its first line an HAProxy sets flags
    of what it was given (`fd_write_frag_line` in its src/fd.c), and O_APPEND is not among them. Without it those who
    have opened a file by themselves write over each other, and behind a hole once it was cut.
    """
    fcntl.fcntl(STDERR, fcntl.F_SETFL, fcntl.fcntl(STDERR, fcntl.F_GETFL) | os.O_APPEND)


class Adopted:
    """An HAProxy that another process has started, as `Popen` has those of this one."""

    def __init__(self, process: psutil.Process) -> None:
        self.process, self.pid = process, process.pid

    def poll(self) -> int | None:
        """None while it runs; how it ended is for its parent to know."""
        return 0 if processes.ended(self.process) else None

    def wait(self, timeout: float | None = None) -> int:
        """See `Popen.wait`.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if processes.await_end([self.process], inf if timeout is None else timeout):
            raise subprocess.TimeoutExpired("haproxy", timeout or inf)
        return 0

    def terminate(self) -> None:
        """See `Popen.terminate`."""
        with suppress(psutil.NoSuchProcess):
            self.process.terminate()


HAProxy = subprocess.Popen[bytes] | Adopted


def adopted(config: str) -> list[Adopted]:
    """Those that read this file, of a watch that was killed, the latest last: they are its keeper's children by now."""
    found = [each for each in psutil.Process(os.getppid()).children() if reads(each, config)]
    return [Adopted(each) for each in sorted(found, key=psutil.Process.create_time)]


def reads(process: psutil.Process, config: str) -> bool:
    """Whether a process was started with this configuration."""
    try:
        return config in process.cmdline()
    except psutil.Error:  # it ended just now
        return False


def stop(folder: Path, door: HAProxy | None, holding: HAProxy | None, before: Sequence[HAProxy] = ()) -> None:
    """Let requests that have begun have their answers, then end both that run, and those that the door took over from.

    SIGUSR1 would close all of its sockets at once, and with them the one between its two proxies, which a request needs
    whose body is still arriving, or that is sent again; and it would wait for clients that keep a connection and ask
    nothing. So the door closes first.
    """
    deadline = monotonic() + DRAIN_SECONDS
    while door and door.poll() is None and monotonic() < deadline and not drained(folder):
        sleep(POLL_SECONDS)
    while any(each.poll() is None for each in before) and monotonic() < deadline:
        sleep(POLL_SECONDS)
    for each in (door, holding, *before):
        if each:
            each.terminate()
            each.wait()


def drained(folder: Path) -> bool:
    """Whether nobody comes in any more, and nobody waits; not known where HAProxy does not answer this time."""
    admin = folder / maps.ADMIN
    with suppress(OSError):
        maps.told(admin, "shutdown frontend door")
        return " fe=door " not in maps.told(admin, "show sess")
    return False
