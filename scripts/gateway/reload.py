"""Another configuration without a pause: the next HAProxy takes over, and the one before finishes what it has.

The next one is asked for when the file of servers changes, by `bert gateway reload`, and by verbs that change how many
workers or which models a server of this machine has. Clients see nothing: the door is the same socket, and a connection
that the old one keeps is closed with the answer to its next request.
"""

from __future__ import annotations

import fcntl
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType
from typing import Any

import msgspec
import psutil

from scripts.console import Failure, err
from scripts.gateway import certificate, discovery, hosts, maps, readiness, servers, settings, state, versions
from scripts.gateway.configuration import render
from scripts.gateway.haproxy import CONFIG, check
from scripts.gateway.settings import Settings

LOCK = "changing"
SECONDS = 10
AGAIN_SECONDS = 2
"""After which it is asked again."""
NOTHING: Mapping[str, Any] = MappingProxyType({})
POLL_SECONDS = 0.05


def stamp(folder: Path) -> tuple[int, ...]:
    """What changes with the file of servers; empty where there is none."""
    file = settings.load(folder).servers_file
    if file is None:
        return ()
    try:
        about = file.stat()
    except OSError:
        return ()
    return about.st_ino, about.st_size, about.st_mtime_ns


def current(folder: Path, more: bool = False) -> Settings:
    """The settings with the servers of now, and with their models where the gateway has found both by itself.

    Args:
        folder: of the gateway.
        more: see `discovery.still`.

    Raises:
        Failure: the file of servers is not as it should be, or no server that runs here holds the first model.
    """
    before = settings.load(folder)
    if before.found:
        there, models = discovery.still(before, more)
        return replace(before, servers=there, models=models)
    return replace(before, servers=hosts.read(before.servers_file)) if before.servers_file else before


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else writes a gateway's settings meanwhile."""
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(folder: Path) -> None:
    """Write what the next HAProxy reads: its configuration, and what this one knows of its servers.

    Raises:
        Failure: servers or configuration are not as they should be; nothing was changed.
        OSError: HAProxy does not answer.
    """
    with alone(folder):
        now = current(folder)
        examine(folder, now)
        known = maps.told(folder / maps.ADMIN, "show servers state")
        readiness.write(now, followed(folder))
        now.save()
        versions.write(now)
        (folder / CONFIG).write_text(render(now))
        (folder / servers.STATE).write_text(known)
        gateway = state.read(folder)
        if gateway:
            addresses = [server.address for server in now.servers]
            msgspec.structs.replace(gateway, servers=addresses, models=[model.name for model in now.models]).save()


def examine(folder: Path, wanted: Settings) -> None:
    """Look at what the next HAProxy would read, before anything depends on it.

    Raises:
        Failure: the certificate is broken by now, or HAProxy refuses the configuration.
    """
    if wanted.tls_cert:
        certificate.check(wanted.tls_cert)
    check(folder, render(wanted))


def followed(folder: Path) -> list[str]:
    """Models whose readiness the gateway follows by now."""
    gateway = state.read(folder)
    return gateway.models if gateway else []


def await_successor(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    """Whether that process is HAProxy from now on: unless it ended, since the one before may have closed its door."""
    deadline = monotonic() + SECONDS
    while process.poll() is None and pid(folder) != process.pid and monotonic() < deadline:
        sleep(POLL_SECONDS)
    (folder / servers.STATE).write_text(servers.NOTHING)
    return process.poll() is None


def pid(folder: Path, admin: str = maps.ADMIN) -> int:
    """Of the HAProxy that answers at that socket; 0 where none does."""
    try:
        said = maps.told(folder / admin, "show info")
    except OSError:
        return 0
    return next((int(line.partition(":")[2]) for line in said.splitlines() if line.startswith("Pid:")), 0)


def ask(gateway: state.Gateway, changes: Mapping[str, Any] = NOTHING, more: bool = False) -> None:
    """Have a running gateway replace its HAProxy, and return when it has.

    Args:
        gateway: which.
        changes: to its settings.
        more: see `discovery.still`.

    Raises:
        Failure: servers are not as they should be, or HAProxy is not replaced in time.
    """
    with alone(gateway.folder):
        wanted = replace(current(gateway.folder, more), **changes)
        readiness.write(wanted, followed(gateway.folder))  # one of an older version has no such map
        examine(gateway.folder, wanted)
        wanted.save()
    before, deadline = pid(gateway.folder), monotonic() + SECONDS
    say(gateway)
    again = monotonic() + AGAIN_SECONDS
    while (now := pid(gateway.folder)) in (0, before):
        if monotonic() > deadline:
            raise Failure(
                f"the gateway at {gateway.url} was not reloaded: HAProxy is still process {now}",
                fix=f"see {gateway.folder / 'gateway.log'}",
            )
        if monotonic() > again:
            say(gateway)
            again += AGAIN_SECONDS
        sleep(POLL_SECONDS)


def say(gateway: state.Gateway) -> None:
    """Ask those who watch, by a signal; it is lost where one of them was killed just now, and the next is not there."""
    with suppress(psutil.NoSuchProcess):
        process = (state.read(gateway.folder) or gateway).process()
        if process is not None:
            process.send_signal(signal.SIGHUP)


def follow_machine() -> None:
    """Have each gateway that finds its servers by itself look for them again; one that cannot stays as it was."""
    for gateway in state.running():
        try:
            if settings.load(gateway.folder).found:
                ask(gateway)
        except (Failure, OSError) as error:  # what the command was for is done
            err.print(f"the gateway at {gateway.url} stays as it was: {error}")
