"""The gateway's queue, in front of stand-ins for TorchServe whose answers wait until a test lets them go."""

from __future__ import annotations

import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from time import monotonic

import pytest
import requests

from scripts.gateway import attempts, haproxy, maps
from scripts.gateway.settings import Settings
from tests.e2e.conftest import wait_for
from tests.gateway import gateway, needs_haproxy
from tests.stand_ins import MANY, StandIn

__all__ = ["gateway"]
pytestmark = needs_haproxy


def ask(settings: Settings, name: str = "", **headers: str) -> int:
    """The status of one request."""
    given = {"x-name": name, **{key.replace("_", "-"): value for key, value in headers.items()}}
    return requests.post(f"{settings.url}/predictions/bert", json={}, headers=given, timeout=30).status_code


def queued(settings: Settings, queue: str = "servers") -> int:
    """Requests that wait in HAProxy."""
    text = requests.get(f"http://127.0.0.1:{settings.metrics_port}/metrics", timeout=60).text
    line = next(
        line for line in text.splitlines() if line.startswith(f'haproxy_backend_current_queue{{proxy="{queue}"}}')
    )
    return int(float(line.split()[-1]))


def counted(settings: Settings, counter: str) -> int:
    """What HAProxy has of the connections of this machine's first address."""
    table = maps.told(settings.folder / maps.ADMIN, "show table addresses key ::ffff:127.0.0.1")
    return int(re.findall(rf"{re.escape(counter)}=(\d+)", table)[0])


def test_people_overtake_bulk_and_who_is_too_many_is_refused(gateway):
    settings, (server,) = gateway(1, 4)
    server.gate = threading.Semaphore(0)
    with ThreadPoolExecutor(16) as pool:
        inside = [pool.submit(ask, settings, "inside") for _ in range(4)]
        wait_for(lambda: len(server.seen) == 4, "four inside")
        bulk = pool.submit(ask, settings, "bulk", x_priority="bulk")
        wait_for(lambda: queued(settings) == 1, "bulk waits")
        people = [pool.submit(ask, settings, "person") for _ in range(3)]
        wait_for(lambda: queued(settings) == 4, "four wait")
        assert ask(settings, x_priority="bulk") == 429
        refused = requests.post(f"{settings.url}/predictions/bert", json={}, timeout=60)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        for more in range(1, 5):  # one at a time, or they come in any order
            server.gate.release()
            wait_for(lambda more=more: len(server.seen) == 4 + more, "the next one")
        server.gate.release(4)
        assert {each.result() for each in [*inside, bulk, *people]} == {200}
    assert server.seen[4:] == ["person"] * 3 + ["bulk"]


def test_who_leaves_the_queue_is_never_seen_by_a_server(gateway):
    settings, (server,) = gateway(1, 1)
    server.gate = threading.Semaphore(0)
    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(ask, settings, "inside")
        wait_for(lambda: server.seen == ["inside"], "one inside")
        with socket.create_connection(("127.0.0.1", settings.port)) as left:
            left.sendall(b"POST /predictions/bert HTTP/1.1\r\nhost: x\r\nx-name: left\r\ncontent-length: 2\r\n\r\n{}")
            wait_for(lambda: queued(settings) == 1, "one waits")
        wait_for(lambda: queued(settings) == 0, "nobody waits")
        server.gate.release(MANY)
        assert inside.result() == 200
    assert server.seen == ["inside"]


def test_nothing_is_computed_that_nobody_waits_for_any_more(gateway):
    settings, (server,) = gateway(1, 1)
    server.gate = threading.Semaphore(0)

    def send(name: str, wait: int) -> tuple[int, str, float]:
        headers, begun = {"x-name": name, "x-request-timeout-ms": str(wait)}, monotonic()
        answer = requests.post(f"{settings.url}/predictions/bert", json={}, headers=headers, timeout=30)
        return answer.status_code, answer.json().get("error_type", ""), monotonic() - begun

    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(send, "inside", 25_000)
        wait_for(lambda: server.seen == ["inside"], "one inside")
        status, kind, seconds = send("late", 300)
        assert (status, kind) == (504, "timed_out")
        assert 0.3 <= seconds < 25
        server.gate.release(MANY)
        assert inside.result()[0] == 200
    assert server.seen == ["inside"]
    server.failures.append(503)  # a worker is waited for, and takes of the time
    assert send("again", 20_000)[0] == 200
    first, second = (int(headers["x-request-timeout-ms"]) for headers in server.asked[1:])
    assert 20_000 >= first >= second + attempts.PAUSE
    server.failures.extend([503] * 99)
    assert send("never", 700)[0] == 504
    server.failures.clear()
    server.failures.append(504)
    server.headers = {"x-encode-time": "0.1"}
    assert send("handler", 5000)[0] == 504  # its own word
    assert send("handler", 0)[0] == 200  # says nothing


def test_requests_wait_for_the_only_server_and_move_away_from_one_of_two(gateway):
    settings, servers = gateway(2, 8)
    servers[0].close()
    assert {ask(settings) for _ in range(20)} == {200}
    servers[1].close()
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(ask, settings) for _ in range(4)]
        wait_for(lambda: requests.get(f"{settings.url}/ping", timeout=60).status_code == 503, "both are taken away")
        assert [each.result() for each in waiting if each.done()] == []
        servers.append(StandIn(settings.servers[1].port))
        assert {each.result() for each in waiting} == {200}
    wait_for(lambda: requests.get(f"{settings.url}/ping", timeout=60).status_code == 200, "the server is up")


def test_one_address_leaves_others_places_at_the_door(gateway):
    most = 3
    settings, _ = gateway(1, 8, connections=most)

    def connected(source: str) -> HTTPConnection | None:
        """A connection that was answered and stays open; None where it was refused."""
        made = HTTPConnection(settings.host, settings.port, timeout=30, source_address=(source, 0))
        try:
            made.request("GET", "/ping")
            made.getresponse().read()
        except OSError:
            made.close()
            return None
        return made

    held: list[HTTPConnection] = []

    def holds(count: int) -> bool:
        held.extend(filter(None, [connected("127.0.0.1")]))
        return len(held) == count

    for count in range(1, most + 1):
        wait_for(partial(holds, count), "a place")  # so many may be opened in a second, too
    wait_for(lambda: counted(settings, "gpc0_rate(1000)") <= 1, "nobody has connected just now")
    assert connected("127.0.0.1") is None
    with closing(connected("127.0.0.2")) as other:
        assert other.sock
    for each in held:
        each.close()
    held.clear()

    wait_for(partial(holds, 1), "a place again")
    held[0].close()
    before, begun = counted(settings, "gpc0"), monotonic()
    for _ in range(64):
        socket.create_connection((settings.host, settings.port)).close()
    with closing(connected("127.0.0.2")):  # whose turn comes after theirs
        passed = counted(settings, "gpc0") - before
    assert passed <= most * (monotonic() - begun + 2)


@pytest.mark.parametrize(("failures", "status"), [([500], 200), ([507], 200), ([503, 500], 200), ([500] * 5, 503)])
def test_what_a_dead_worker_answered_is_asked_again(gateway, failures, status):
    settings, (server,) = gateway(1, 8)
    server.failures.extend(failures)
    assert ask(settings) == status
    assert len(server.seen) == min(len(failures), attempts.DEATHS) + 1


@pytest.mark.parametrize(
    ("failure", "headers", "attempts_made", "status"),
    [(503, {}, 1, 503), (429, {}, 1, 429), (503, {"x-stopping": "1"}, 2, 200), (429, {"x-stopping": "1"}, 2, 200)],
)
def test_what_a_handler_refuses_is_asked_again_only_of_a_server_that_is_being_stopped(
    gateway, failure, headers, attempts_made, status
):
    settings, (server,) = gateway(1, 8)
    server.failures.append(failure)
    server.headers = {"x-encode-time": "0.1"} | headers
    assert ask(settings) == status
    assert len(server.seen) == attempts_made


def test_a_path_that_may_have_a_text_in_it_is_not_logged(gateway):
    settings, _ = gateway(1, 8)
    requests.post(f"{settings.url}/predictions/bert/1.0/hf/A man is eating", json={}, timeout=30)
    assert ask(settings) == 200
    log = settings.folder / haproxy.LOG
    wait_for(lambda: log.read_text().count('"method":"POST"') == 2, "both lines")
    lines = map(json.loads, log.read_text().splitlines())
    assert sorted(line["path"] for line in lines if line["method"] == "POST") == ["*", "/predictions/bert"]
    assert "eating" not in log.read_text()


def test_pages_of_another_origin_may_read_what_the_gateway_itself_says(gateway):
    page = "https://app.example.com"
    settings, (server,) = gateway(1, 8, cors_origin=page)
    url, asked = f"{settings.url}/predictions/bert", {"access-control-request-method": "POST", "origin": page}
    preflight = requests.options(url, headers=asked, timeout=30)
    assert (preflight.status_code, preflight.content, server.seen) == (204, b"", [])
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answered = requests.post(url, json={}, timeout=30)
    refused = requests.post(url, data={"a": "b" * 70_000}, timeout=30)
    assert (answered.status_code, refused.status_code) == (200, 413)
    for each in (preflight, answered, refused):
        assert each.headers["access-control-allow-origin"] == page
        assert each.headers["access-control-expose-headers"] == "*"
    assert "access-control-allow-methods" not in answered.headers


def test_a_body_of_options_goes_no_further(gateway):
    settings, (server,) = gateway(1, 8)
    answers = [
        requests.options(f"{settings.url}/predictions/bert", data=data, timeout=30).status_code
        for data in (b"{}", iter([b"{}"]))
    ]
    assert (answers, server.seen) == ([400, 400], [])


def test_a_worker_is_waited_for(gateway):
    settings, (server,) = gateway(1, 8)
    server.failures.extend([503] * 8)
    begun = monotonic()
    assert ask(settings) == 200
    assert len(server.seen) == 9
    assert monotonic() - begun > 8 * attempts.PAUSE / 1000


def test_large_requests_wait_for_each_other_and_hold_nobody_else(gateway):
    settings, (server,) = gateway(1, 8)
    server.gate = threading.Semaphore(0)
    large = {"inputs": "word " * 2000}

    def send(name: str, path: str = "", body: object = large) -> int:
        headers = {"x-name": name}
        return requests.post(
            f"{settings.url}/predictions/bert{path}", json=body, headers=headers, timeout=30
        ).status_code

    with ThreadPoolExecutor(6) as pool:
        first = [pool.submit(send, "large")]
        # HAProxy's two threads may each see a free place at once: only one that is taken holds others off
        wait_for(lambda: server.seen == ["large"], "one inside")
        first.append(pool.submit(send, "states", "/1.0/hidden-states", {"inputs": "a"}))
        first.append(pool.submit(send, "task", "", {"inputs": "a", "task": "hidden-states"}))
        wait_for(lambda: queued(settings, "servers_large") == 2, "two wait")
        assert server.seen == ["large"]
        small = [pool.submit(ask, settings, "small") for _ in range(3)]
        wait_for(lambda: server.seen.count("small") == 3, "small ones inside, too")
        server.gate.release(MANY)
        assert {each.result() for each in [*first, *small]} == {200}
    assert sorted(server.seen[4:] + server.seen[:1]) == ["large", "states", "task"]
