"""Whoever watches over HAProxy is killed, and clients go on asking: nobody notices."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import sleep

import psutil
import pytest
import requests

from scripts.gateway import bodies, haproxy, maps, reload, state
from scripts.gateway.watch import MODULE
from tests.e2e.conftest import Cli, free_port, wait_for
from tests.e2e.test_lifecycle import gone
from tests.gateway import needs_haproxy

pytestmark = needs_haproxy
BODY = {"inputs": "Hello"}


@contextmanager
def asking(address: str) -> Iterator[list[int]]:
    """Statuses of requests that four clients send, without a retry, all the while."""
    done, seen = Event(), list[int]()

    def client() -> None:
        with requests.Session() as session:
            while not done.is_set():
                seen.append(session.post(f"{address}/embed", json=BODY, timeout=60).status_code)

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client) for _ in range(4)]
        try:
            yield seen
        finally:
            done.set()
        for each in clients:
            each.result()


def watch_below(keeper: psutil.Process) -> psutil.Process | None:
    """Its child that watches over HAProxy, which is another one."""
    return next((each for each in keeper.children() if haproxy.reads(each, MODULE)), None)


def answered(seen: list[int], number: int = 20) -> None:
    """Wait for that many further answers."""
    begun = len(seen)
    wait_for(lambda: len(seen) >= begun + number, "answers")


@pytest.fixture
def port(server: Cli) -> Iterator[int]:
    """Of a gateway, which is stopped if it is left."""
    found = free_port()
    server("gateway", "--port", str(found), "--metrics-port", str(found + 1))
    yield found
    server("gateway", "stop", "--port", str(found))
    assert left(server.runs / f"gateway-{found}") == []


def remembered(folder: Path) -> int:
    """Process id of who watches over it, or of the keeper of that."""
    return int(json.loads((folder / "gateway.json").read_text())["pid"])


def left(folder: Path) -> list[int]:
    """Process ids of HAProxies in that folder."""
    running = [each for each in psutil.process_iter() if haproxy.reads(each, "-db") and not gone([each])]
    return [each.pid for each in running if each.cwd() == str(folder)]


def test_nothing_is_left_of_what_was_killed_one_after_the_other(server: Cli, port: int):
    folder = server.runs / f"gateway-{port}"
    keeper = psutil.Process(remembered(folder))
    first = wait_for(lambda: watch_below(keeper), "a watch")
    before = {reload.pid(folder, admin) for admin in (maps.ADMIN, bodies.ADMIN)}
    first.kill()
    second = wait_for(lambda: (found := watch_below(keeper)) and found != first and found, "another watch")
    wait_for(lambda: watch_below(second) is None, "one that watches")
    keeper.kill()
    wait_for(lambda: remembered(folder) == second.pid and watch_below(second), "a watch in its place")
    assert {reload.pid(folder, admin) for admin in (maps.ADMIN, bodies.ADMIN)} == before
    assert set(left(folder)) == before
    for each in [second, watch_below(second), psutil.Process(reload.pid(folder))]:
        each.kill()
    wait_for(lambda: not reload.pid(folder), "the end of the door")
    server("gateway", "--port", str(port), "--metrics-port", str(port + 1))
    assert len(left(folder)) == 2


def test_a_watch_and_its_keeper_are_killed(server: Cli, port: int):
    address, folder = f"http://127.0.0.1:{port}", server.runs / f"gateway-{port}"

    def about(expect: int = 0) -> dict[str, object]:
        said = json.loads(server("status", "--json", expect=expect).stdout)
        return next(each for each in said if each.get("gateway") == address)

    def other(before: psutil.Process, find: Callable[[], psutil.Process | None]) -> psutil.Process:
        return wait_for(lambda: (found := find()) and found != before and found, "another process")

    keeper = psutil.Process(json.loads((folder / "gateway.json").read_text())["pid"])
    (first,) = keeper.children()
    haproxy = reload.pid(folder)
    with asking(address) as seen:
        answered(seen)
        first.send_signal(signal.SIGKILL)
        second = other(first, lambda: watch_below(keeper))
        answered(seen)
        assert about()["haproxy"] == haproxy  # it went on
        server("gateway", "reload", "--port", str(port))
        assert about()["haproxy"] != haproxy
        answered(seen)
        keeper.send_signal(signal.SIGKILL)
        third = wait_for(lambda: watch_below(second), "a watch below it")
        wait_for(lambda: state.read(folder).pid == second.pid, "the watch in its place")
        assert about()["state"] == "running"
        answered(seen)
        haproxy = reload.pid(folder)
        server("gateway", "reload", "--port", str(port))
        assert about()["haproxy"] != haproxy
        answered(seen)
        second.send_signal(signal.SIGKILL)
        third.send_signal(signal.SIGKILL)
        wait_for(lambda: gone([second, third]), "the end of both")
        assert about(expect=1)["state"] == "not watched"
        answered(seen)
    assert set(seen) == {200}

    for words in ((), ("reload",)):
        assert "nobody watches" in server("gateway", *words, "--port", str(port), expect=1).stderr
    alone = [psutil.Process(reload.pid(folder, admin)) for admin in (maps.ADMIN, bodies.ADMIN)]
    server("gateway", "stop", "--port", str(port))
    assert gone([keeper, first, second, third, *alone])
    server("gateway", "--port", str(port), "--metrics-port", str(port + 1))
    assert requests.post(f"{address}/embed", json=BODY, timeout=60).status_code == 200


def test_another_haproxy_takes_over_whoever_is_killed_just_before(server: Cli, port: int, monkeypatch):
    monkeypatch.setattr(state.paths, "RUNS", server.runs)
    folder = server.runs / f"gateway-{port}"

    def watching() -> psutil.Process:
        return psutil.Process(state.read(folder).pid)

    def one() -> int:
        reload.ask(state.read(folder))
        return reload.pid(folder)

    with asking(f"http://127.0.0.1:{port}") as seen, ThreadPoolExecutor(2) as pool:
        for pause in (0.0, 0.05, 0.2, 0.5):  # the next one does not hear signals for a while
            for killed in (lambda: watch_below(watching()), watching):
                haproxy = reload.pid(folder)
                wait_for(killed, "who is to be killed").send_signal(signal.SIGKILL)
                sleep(pause)
                assert one() not in (0, haproxy)
        assert 0 not in list(pool.map(lambda _: one(), range(2)))
    assert set(seen) == {200}


def test_large_bodies_wait_for_the_process_that_holds_them(server: Cli, port: int):
    folder, large = server.runs / f"gateway-{port}", b" " * (2 * bodies.HELD) + json.dumps(BODY).encode()
    json_type = {"content-type": "application/json"}

    def send() -> int:
        return requests.post(f"http://127.0.0.1:{port}/embed", data=large, headers=json_type, timeout=60).status_code

    for _ in range(3):
        before = wait_for(lambda: reload.pid(folder, bodies.ADMIN), "who holds them")
        psutil.Process(before).kill()
        wait_for(lambda before=before: reload.pid(folder, bodies.ADMIN) != before, "its end")
        assert send() == 200
        assert reload.pid(folder, bodies.ADMIN) not in (0, before)
    assert reload.pid(folder)
