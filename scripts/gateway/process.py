"""Starts and stops a gateway: its folder, its check by HAProxy itself, and the process that watches over it."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from scripts.console import Failure
from scripts.gateway import attempts, bodies, haproxy, keys, maps, readiness, reload, servers, state, versions
from scripts.gateway.configuration import render, render_bodies
from scripts.gateway.haproxy import CONFIG, DRAIN_SECONDS, LOG, OLD_LOG, check
from scripts.gateway.settings import KEY_MAP, VERSION_MAP, Settings
from scripts.gateway.state import FILE, Gateway
from scripts.paths import ROOT
from scripts.server import local, processes
from scripts.server.java import PRIVATE, PRIVATE_FOLDER, private_log

START_SECONDS = 15
HANDOVER_SECONDS = 5


def prepare(settings: Settings) -> Path:
    """Write the folder and let HAProxy check what is in it.

    Raises:
        Failure: HAProxy is not there, or refuses the file; its own words are shown.
    """
    write_maps(settings)
    door, holding = render(settings), render_bodies(settings)
    check(settings.folder, door, holding)
    (settings.folder / CONFIG).write_text(door)
    (settings.folder / bodies.CONFIG).write_text(holding)
    return settings.folder


def write_maps(settings: Settings) -> None:
    """Files that the configuration names, in a folder that may be new."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    settings.folder.chmod(PRIVATE_FOLDER)  # names of keys and addresses of clients are for nobody else
    (settings.folder / KEY_MAP).unlink(missing_ok=True)
    if settings.keys:
        maps.write(settings.folder / KEY_MAP, keys.read(settings.keys)[0])
    (settings.folder / VERSION_MAP).unlink(missing_ok=True)
    versions.write(settings)
    readiness.write(settings)
    (settings.folder / servers.STATE).write_text(servers.NOTHING)
    settings.save()


def start(settings: Settings) -> Gateway:
    """Start one in the background, and return when it answers.

    Raises:
        Failure: a port is taken, or it does not come up.
    """
    with alone(settings.folder):
        for port in (settings.port, settings.metrics_port):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    raise Failure(f"port {port} is in use", fix="--port and --metrics-port choose others")
        haproxy.stop(settings.folder, None, left(settings.folder, bodies.ADMIN))
        return begin(settings, prepare(settings))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else starts the gateway of that folder meanwhile: its files are those of one that may be running.

    Raises:
        Failure: somebody does.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("another command is starting this gateway", fix="scripts/bert status") from None
        yield


def begin(settings: Settings, folder: Path) -> Gateway:
    """`start`, for the holder of the lock.

    Raises:
        Failure: it does not come up.
    """
    command = [sys.executable, "-P", "-m", "scripts.gateway.watch", str(folder), settings.host, str(settings.port)]
    command += [str(settings.keys.resolve()) if settings.keys else ""]
    if (folder / LOG).exists():  # it may say why the one before ended
        (folder / LOG).rename(folder / OLD_LOG)
    with private_log(folder / LOG) as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=PRIVATE,
        )
    gateway = Gateway(
        pid=process.pid,
        created=processes.born(process.pid),
        url=settings.url,
        port=settings.port,
        metrics_host=settings.metrics_host,
        metrics_port=settings.metrics_port,
        servers=[server.address for server in settings.servers],
        models=[model.name for model in settings.models],
        keys=str(settings.keys.resolve()) if settings.keys else None,
    )
    gateway.save()
    try:
        await_answer(gateway, process)
    except BaseException:  # Ctrl-C and SIGTERM, too
        stop(gateway)
        raise
    return gateway


def await_answer(gateway: Gateway, process: subprocess.Popen[bytes]) -> None:
    """Wait until HAProxy answers on its own port for metrics.

    Raises:
        Failure: it does not.
    """
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline and process.poll() is None:
        try:
            local.request("GET", gateway.metrics, timeout=5)
            return
        except OSError:
            sleep(0.1)
    raise Failure("the gateway did not come up", why=(gateway.folder / LOG).read_text(errors="replace")[-2000:])


def is_watched(gateway: Gateway) -> bool:
    """Whether somebody does, after a moment in which another process may have taken over."""
    deadline = monotonic() + HANDOVER_SECONDS
    while not (state.read(gateway.folder) or gateway).process():
        if monotonic() > deadline:
            return False
        sleep(0.1)
    return True


def stop(gateway: Gateway) -> None:
    """End it after the requests in flight, and forget it; its log stays."""
    process = gateway.process()
    if process is not None:
        family = [process, *process.children(recursive=True)]
        process.terminate()
        for each in processes.await_end(family, DRAIN_SECONDS + 5):
            each.kill()
    haproxy.stop(gateway.folder, left(gateway.folder, maps.ADMIN), left(gateway.folder, bodies.ADMIN))
    for name in (FILE, maps.ADMIN, attempts.SOCKET, bodies.ADMIN, bodies.SOCKET):
        (gateway.folder / name).unlink(missing_ok=True)


def left(folder: Path, admin: str) -> haproxy.Adopted | None:
    """The HAProxy that answers at that socket, where all who watched over it were killed."""
    return haproxy.Adopted(processes.find(pid)) if (pid := reload.pid(folder, admin)) else None
