"""Bodies that the gateway holds in a process of their own, in front of stand-ins for TorchServe."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from scripts.gateway import attempts, bodies, large, maps
from scripts.gateway.settings import Settings
from tests.e2e.conftest import wait_for
from tests.gateway import gateway, needs_haproxy
from tests.stand_ins import MANY, StandIn

__all__ = ["gateway"]
pytestmark = needs_haproxy

HELD = bodies.HELD
SIZES = [HELD - 1, HELD, HELD + 1, HELD + (16 << 10), 1 << 20]


def send(settings: Settings, size: int, chunked: bool = False) -> requests.Response:
    """A text of that many bytes, with its quotation marks."""
    body = json.dumps("a" * (size - 2)).encode()
    pieces = (body[begin : begin + 9999] for begin in range(0, size, 9999))
    return requests.post(f"{settings.url}/predictions/bert", data=pieces if chunked else body, timeout=10)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_body_of_any_size_is_sent_again_whole(gateway, size, chunked):
    settings, (server,) = gateway(1, 8)
    server.failures.extend([500, 507])
    assert send(settings, size, chunked).status_code == 200
    assert server.sizes == [size] * 3


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused_and_reaches_nobody(gateway, chunked):
    settings, (server,) = gateway(1, 8, max_body=300_000)
    assert send(settings, 300_000, chunked).status_code == 200
    refused = send(settings, 300_001, chunked)
    assert (refused.status_code, refused.json()["error_type"], len(server.seen)) == (413, "too_large", 1)


@pytest.mark.parametrize("size", [2 << 20, 20 << 20])
def test_a_body_far_beyond_the_limit_is_refused_while_it_is_still_sent(gateway, size):
    settings, (server,) = gateway(1, 8)
    assert [send(settings, size, True).status_code for _ in range(8)] == [413] * 8
    assert server.seen == []


def test_a_limit_below_what_the_door_holds(gateway):
    settings, _ = gateway(1, 8, max_body=1000)
    assert [send(settings, size, chunked).status_code for size in (1000, 1001) for chunked in (True, False)] == [
        200,
        200,
        413,
        413,
    ]


def test_what_a_large_request_is_told_is_what_a_small_one_is(gateway):
    settings, (server,) = gateway(1, 8)
    server.failures.extend([500] * 5)
    given_up = send(settings, 1 << 20)
    assert (given_up.status_code, len(server.seen)) == (503, attempts.DEATHS + 1)
    server.headers = {"x-encode-time": "0.1"}
    server.failures.append(429)
    assert send(settings, 1 << 20).status_code == 429
    assert not [name for name in given_up.headers if name in (attempts.REFUSED, attempts.NAME)]


def test_a_client_that_waits_to_be_asked_for_its_body_is(gateway):
    settings, _ = gateway(1, 8)
    head = f"POST /predictions/bert HTTP/1.1\r\nhost: a\r\ncontent-length: {1 << 20}\r\nexpect: 100-continue\r\n\r\n"
    with socket.create_connection((settings.host, settings.port), timeout=30) as raw:
        raw.sendall(head.encode())
        assert raw.recv(1000).startswith(b"HTTP/1.1 100 ")
        raw.sendall(b" " * (1 << 20))
        assert raw.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("size", [1 << 20, HELD])
def test_too_many_large_requests_are_refused_however_large(gateway, monkeypatch, size):
    monkeypatch.setattr(large, "WAITING", 2)
    settings, (server,) = gateway(1, 8)
    server.gate = threading.Semaphore(0)
    with ThreadPoolExecutor(3) as pool:
        inside = [pool.submit(send, settings, size) for _ in range(2)]
        wait_for(lambda: waiting(settings) == 2, "both inside")
        refused = send(settings, size)
        inside.append(pool.submit(send, settings, (1 << 20) + HELD - size))  # those of the other kind count apart
        wait_for(lambda: waiting(settings) == 3, "another one inside")
        server.gate.release(MANY)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert {each.result().status_code for each in inside} == {200}


def test_a_large_request_waits_for_a_server_and_is_told_when_none_comes(gateway):
    settings, servers = gateway(1, 8, outage=3)
    servers[0].close()
    wait_for(lambda: requests.get(f"{settings.url}/ping", timeout=60).status_code == 503, "it is taken away")
    told = [send(settings, size) for size in (1 << 20, HELD)]
    assert [(each.status_code, each.json()["error_type"]) for each in told] == [(503, "unavailable")] * 2
    with ThreadPoolExecutor(1) as pool:
        waiting_one = pool.submit(send, settings, 1 << 20)
        servers.append(StandIn(settings.servers[0].port))
        assert waiting_one.result().status_code == 200


def waiting(settings: Settings) -> int:
    """Large requests within a server, or before it."""
    return maps.told(settings.folder / maps.ADMIN, "show sess").count(" be=servers_large ")
