"""What tests of the gateway share: whether HAProxy is there, one in front of stand-ins, and a certificate for it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.gateway import bodies, haproxy, maps, reload, watch
from scripts.gateway.process import prepare
from scripts.gateway.settings import Backend, Served, Settings
from tests.e2e.conftest import free_port, wait_for
from tests.stand_ins import MANY, StandIn

needs_haproxy = pytest.mark.skipif(not shutil.which(haproxy.program()), reason="HAProxy is not installed")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., tuple[Settings, list[StandIn]]]]:
    """Starts stand-ins, each with that many requests inside at most, and HAProxy in front of them."""
    running, servers = [], list[StandIn]()

    def start(count: int, inside: int, **more: Any) -> tuple[Settings, list[StandIn]]:
        first = free_port()
        servers.extend(StandIn(first + number) for number in range(count))
        backends = tuple(Backend("127.0.0.1", first + number, inside) for number in range(count))
        ports, models = {"port": first + 6, "metrics_port": first + 7}, (Served("bert", "1.0"),)
        prepare(settings := Settings(**ports, servers=backends, models=models, folder=tmp_path, at_once=0, **more))
        doors = watch.listening(settings.host, settings.port), bodies.listening(tmp_path)
        with doors[0], doors[1], (tmp_path / haproxy.LOG).open("ab") as log:
            running.append(haproxy.spawn(tmp_path, doors[0], log=log.fileno()))
            running.append(haproxy.spawn_bodies(tmp_path, doors[1], log.fileno()))
        for name in (maps.ADMIN, bodies.ADMIN):
            wait_for(lambda name=name: reload.pid(tmp_path, name), "HAProxy")
        return settings, servers

    yield start
    for process in running:
        process.kill()
        process.wait()
    for server in servers:
        server.gate.release(MANY)


def certificate(folder: Path) -> Path:
    """One of our own for 127.0.0.1, with its key, in one file."""
    key, cert, both = (folder / name for name in ("key.pem", "cert.pem", "both.pem"))
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    command = [*made.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    return both
