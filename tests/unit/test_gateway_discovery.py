"""Which of several servers tells a gateway about a model."""

from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from scripts.console import Failure
from scripts.gateway import discovery
from scripts.gateway.settings import Backend, Served, Settings
from scripts.server import state
from tests.serving import fake_server

STARTING = 404, b'{"code": 404, "type": "ModelNotFoundException", "message": "Model not found: bert"}'
FULL = 503, b'{"error": "late", "error_type": "overloaded"}'


def backend(server):
    return Backend("127.0.0.1", urlsplit(server.url).port)


@pytest.mark.parametrize("answer", [STARTING, FULL, None, (200, b"<html>")])
def test_another_server_is_asked_when_the_first_cannot_say(answer):
    with fake_server() as first, fake_server() as second:
        first.answers[:] = [answer]
        second.about.update(version="1.0", task="embedding", dimensions=384)
        servers = [backend(first), backend(second)]
        found = discovery.first(servers, "bert", {})
        assert (found.version, found.task, found.dimensions) == ("1.0", "embedding", 384)
        first.answers[:], second.answers[:] = [answer], [STARTING]
        with pytest.raises(Failure, match="predictions/bert answers 404 and not its info"):
            discovery.first(servers, "bert", {})


UNKNOWN_KEY = 401, b'{"error": "no such key"}'


def test_a_named_server_with_other_keys_stands_in_for_nobody():
    with fake_server() as first, fake_server() as second:
        for server in (first, second):
            server.about.update(version="1.0", task="embedding", dimensions=384)
        servers = [backend(first), backend(second)]
        second.answers[:] = [UNKNOWN_KEY]
        with pytest.raises(discovery.KeyRefused, match=f"{servers[1].address}/predictions/bert answers 401"):
            discovery.named(servers, ["bert"], "key")
        second.answers[:] = [STARTING]  # it may come with the right ones
        assert discovery.named(servers, ["bert"], "key")[0] == tuple(servers)
    with fake_server() as first:
        first.about.update(version="1.0", task="embedding", dimensions=384)
        assert discovery.named([backend(first), backend(second)], ["bert"], "key")[1][0].version == "1.0"


def machine(monkeypatch, **servers):
    """Servers that run here, by their ports, and the models of each."""
    running = [
        state.Server(**KNOWN | {"inference_port": int(port[1:]), "models": held}) for port, held in servers.items()
    ]
    monkeypatch.setattr(discovery.listing, "prune_and_list", lambda: running)
    monkeypatch.setattr(discovery, "backend", lambda server: Backend("127.0.0.1", server.inference_port))
    monkeypatch.setattr(discovery, "first", lambda servers, name, header: Served(name, "1.0", "embedding", 384))


KNOWN = {"pid": 0, "created": 0.0, "host": "127.0.0.1", "management_port": 2, "metrics_port": 3, "grpc_port": 4}
KNOWN |= {"store": "s", "folder": "f", "temporary": "t"}
BEFORE = Settings(
    servers=(Backend("127.0.0.1", 19000),),
    models=(Served("bert", "1.0", "embedding", 384), Served("mine", "1.0", "embedding", 384)),
    found=True,
)


@pytest.mark.parametrize(
    ("servers", "ports", "models"),
    [
        ({"p19000": ["bert", "mine"]}, [19000], ["bert", "mine"]),
        ({"p19000": ["new", "bert", "mine"]}, [19000], ["bert", "mine", "new"]),
        ({"p19000": ["bert", "mine"], "p19300": ["other"]}, [19000], ["bert", "mine"]),
        ({"p19000": ["bert", "mine"], "p19300": ["bert", "mine"]}, [19000], ["bert", "mine"]),
        ({"p19000": ["bert", "mine"], "p19300": ["bert"]}, [19000], ["bert", "mine"]),
        ({"p19000": ["bert"]}, [19000], ["bert"]),
    ],
)
def test_a_gateway_follows_its_servers_and_takes_in_no_other(monkeypatch, servers, ports, models):
    machine(monkeypatch, **servers)
    backends, found = discovery.still(BEFORE)
    assert [each.port for each in backends] == ports
    assert [each.name for each in found] == models


@pytest.mark.parametrize(
    ("servers", "ports", "models"),
    [
        ({"p19000": ["bert", "mine"], "p19300": ["mine", "bert"]}, [19000, 19300], ["bert", "mine"]),
        ({"p19000": ["bert", "mine"], "p19300": ["bert"]}, [19000], ["bert", "mine"]),
        ({"p19300": ["mine", "bert", "new"]}, [19300], ["bert", "mine", "new"]),
    ],
)
def test_who_asks_for_more_gets_the_servers_that_hold_all_models(monkeypatch, servers, ports, models):
    machine(monkeypatch, **servers)
    backends, found = discovery.still(BEFORE, more=True)
    assert [each.port for each in backends] == ports
    assert [each.name for each in found] == models


@pytest.mark.parametrize("servers", [{}, {"p19300": ["mine"]}, {"p19300": ["bert", "mine"]}])
def test_a_gateway_whose_server_is_down_waits_for_it_and_takes_no_other(monkeypatch, servers):
    machine(monkeypatch, **servers)
    with pytest.raises(Failure, match=r"no server of 127\.0\.0\.1:19000 runs here and holds bert"):
        discovery.still(BEFORE)


def test_servers_that_ask_for_different_keys_stand_in_for_each_other_in_no_gateway(monkeypatch):
    machine(monkeypatch, p19000=["bert"], p19300=["bert"])
    first, second = discovery.listing.prune_and_list()
    alike = replace(first, key_list="/k"), replace(second, key_list="/k")
    own_keys = replace(first, key_list="/8080/keys"), replace(second, key_list="/9000/keys")
    for servers in (own_keys, (first, own_keys[1]), (alike[0], replace(alike[1], key_list="/other"))):
        monkeypatch.setattr(discovery.listing, "prune_and_list", lambda servers=servers: servers)
        with pytest.raises(Failure, match=r"different keys cannot .*\(19000: .*; 19300: "):
            discovery.here()
    discovery.check_keys(alike)
    discovery.check_keys([first, second])
