"""One HAProxy takes over from another while requests wait in the first for a server that is down."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from scripts.gateway import bodies, maps, reload, watch
from scripts.gateway.process import prepare
from scripts.gateway.settings import Backend, Served, Settings
from tests.e2e.conftest import free_port, wait_for
from tests.e2e.test_gateway_queue import queued
from tests.gateway import needs_haproxy
from tests.stand_ins import MANY, StandIn

pytestmark = needs_haproxy


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Settings, watch.Watch]]:
    """A gateway in front of a server with room for one request, and what watches over its HAProxy."""
    port = free_port()
    servers, models = (Backend("127.0.0.1", port, 1),), (Served("bert", "1.0"),)
    settings = Settings(port=port + 6, metrics_port=port + 7, servers=servers, models=models, folder=tmp_path)
    prepare(settings)
    with watch.listening(settings.host, settings.port) as door, bodies.listening(tmp_path) as inner:
        each = watch.Watch(tmp_path, (door, inner), None, False)
        wait_for(lambda: reload.pid(tmp_path), "HAProxy")
        yield settings, each
        for process in (each.haproxy, each.bodies, *each.before):
            process.terminate()
            process.wait()


@pytest.mark.parametrize(("queue", "length"), [("servers", 1), ("servers_large", 4 * bodies.HELD)])
def test_what_waits_for_a_server_that_is_down_goes_to_the_next_haproxy(
    watched: tuple[Settings, watch.Watch], queue: str, length: int
) -> None:
    settings, each = watched
    server = StandIn(settings.servers[0].port)
    server.gate = threading.Semaphore(0)

    def ask(_: int) -> tuple[int, float]:
        answer = requests.post(f"{settings.url}/predictions/bert", json={"inputs": "a" * length}, timeout=90)
        return answer.status_code, answer.elapsed.total_seconds()

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(4)]
        wait_for(lambda: queued(settings, queue) == 3, "three wait")
        server.close()
        wait_for(lambda: "DOWN" in maps.told(settings.folder / maps.ADMIN, "show stat servers 4 -1"), "the end of it")
        first, each.asked = each.haproxy, True
        each.turn()
        assert each.haproxy.pid != first.pid
        again = StandIn(settings.servers[0].port)
        server.gate.release(MANY)
        assert [answer.result()[0] for answer in asked] == [200] * 4
        assert max(answer.result()[1] for answer in asked) < settings.outage / 2
    again.close()
