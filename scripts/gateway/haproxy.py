"""HAProxy's own program: where it is, what it says of a configuration, and how it is started and ended."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from scripts.console import Failure
from scripts.gateway import maps
from scripts.gateway.settings import DOOR

CONFIG, TRIED = "haproxy.cfg", "haproxy.cfg.tried"
LOG, OLD_LOG = "gateway.log", "gateway.log.old"
DRAIN_SECONDS = 30
POLL_SECONDS = 0.05
INSTALL = "apt-get install haproxy (version 2.6 or newer)"
PR_SET_PDEATHSIG = 1
"""prctl(2)."""
MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 20),
}
"""HAProxy's buffers have `--max-body` bytes, and are given to glibc after each request: what one thread has freed, the
other gets. Up to 8 MiB stay for the next request, as giving each back to the system took half of HAProxy's time: a
buffer above the first threshold, which is the highest that glibc takes, is mapped and unmapped each time."""


def program() -> str:
    """HAProxy's path; Debian keeps it where only root's shell looks."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin") or "haproxy"


def check(folder: Path, configuration: str) -> None:
    """Let HAProxy read a configuration before anything depends on it.

    Raises:
        Failure: HAProxy is not there, or refuses it; its own words are shown.
    """
    (folder / TRIED).write_text(configuration)
    try:
        checked = subprocess.run([program(), "-c", "-f", TRIED], cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise Failure("HAProxy is not installed", fix=INSTALL) from None
    finally:
        (folder / TRIED).unlink()
    if checked.returncode:
        raise Failure("HAProxy refuses its configuration", why=checked.stderr, fix=INSTALL)


def spawn(folder: Path, door: socket.socket, before: int = 0) -> subprocess.Popen[bytes]:
    """Start HAProxy in its folder; paths of its sockets are relative to it.

    Args:
        folder: of the gateway.
        door: where clients connect.
        before: process id of the HAProxy that is to take nothing more once this one does.
    """
    number = door.fileno()
    with (folder / LOG).open("ab") as log:
        return subprocess.Popen(
            [program(), "-db", "-f", CONFIG, *(["-sf", str(before)] if before else [])],
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


def stop(folder: Path, haproxy: subprocess.Popen[bytes], before: Sequence[subprocess.Popen[bytes]]) -> None:
    """Let requests that have begun have their answers, then end it, and those that it took over from.

    SIGUSR1 would close all of its sockets at once, and with them the one between its two proxies, which a request needs
    whose body is still arriving, or that is sent again; and it would wait for clients that keep a connection and ask
    nothing. So the door closes first.
    """
    deadline, admin = monotonic() + DRAIN_SECONDS, folder / maps.ADMIN
    with suppress(OSError):  # it has ended by itself
        maps.told(admin, "shutdown frontend door")
        while " fe=door " in maps.told(admin, "show sess") and monotonic() < deadline:
            sleep(POLL_SECONDS)
    while any(each.poll() is None for each in before) and monotonic() < deadline:
        sleep(POLL_SECONDS)
    for each in (haproxy, *before):
        each.terminate()
        each.wait()
