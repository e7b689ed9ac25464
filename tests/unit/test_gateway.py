"""The configuration that a gateway is given: HAProxy takes it, and what is in it."""

import fcntl
import os
import re
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.console import Failure
from scripts.gateway import discovery, keys, large, maps, routes, versions, watch
from scripts.gateway.configuration import render
from scripts.gateway.rules import quoted
from scripts.gateway.settings import KEY_MAP, VERSION_MAP, Backend, Served, Settings
from scripts.server import agent, heard
from scripts.server.state import Canary, Loaded
from scripts.verbs.gateway import gateway, rates
from tests.gateway import certificate, needs_haproxy

ONE = Settings(servers=(Backend("127.0.0.1", 8080, 48),), models=(Served("bert", "1.0", "embedding", 384),))
KEY = "k" * 24


def checked(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """HAProxy's own word."""
    (folder / "haproxy.cfg").write_text(text)
    for name in (KEY_MAP, VERSION_MAP):
        (folder / name).write_text("")
    return subprocess.run([watch.program(), "-c", "-f", "haproxy.cfg"], cwd=folder, capture_output=True, text=True)


@needs_haproxy
def test_haproxy_takes_every_kind_without_a_warning(tmp_path):
    several = (Backend("10.0.0.1", 8080), Backend("10.0.0.2", 8080, 16, agent=8085))
    models = (
        Served("bert", "1.0", "embedding", 384),
        Served("v1", "2.0"),
        Served("ner.en-1", "1.0", "token-classification"),
    )
    made = [
        ONE,
        Settings(servers=several, models=models, rate=50, rates={"ada": 5}, keys=Path("keys"), max_body=8 << 20),
        Settings(servers=several, models=models, tls_cert=certificate(tmp_path), host="0.0.0.0", max_wait=5000),
    ]
    for settings in made:
        said = checked(render(settings), tmp_path)
        assert said.returncode == 0, said.stdout + said.stderr
        assert not re.search("WARNING|ALERT", said.stdout + said.stderr)


@needs_haproxy
def test_haproxy_refuses_what_is_wrong(tmp_path):
    assert checked(render(ONE).replace("balance leastconn", "balance least"), tmp_path).returncode != 0


def test_a_key_is_a_digest_in_the_file_of_haproxy(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"ada:{KEY}\n")
    file.chmod(0o600)
    (line,) = keys.lines(file)
    assert line.endswith(" ada")
    assert KEY not in line
    file.chmod(0o644)  # others may read it: nobody may ask
    assert keys.lines(file) == []
    assert keys.lines(tmp_path / "none") == []
    assert keys.stamp(tmp_path / "none") == ()


def test_what_would_end_a_word_of_the_configuration_is_refused():
    with pytest.raises(ValueError, match="cannot be written"):
        quoted("a'b")


def test_rates_are_of_everybody_or_of_one():
    assert rates(["50", "ada=5"]) == (50, {"ada": 5})
    with pytest.raises(Failure, match="--rate ada=many"):
        rates(["ada=many"])


def test_the_agent_says_a_line_and_closes():
    listener = agent.listen(lambda: "drain", 0)
    try:
        with socket.create_connection(listener.server_address, timeout=5) as connection:
            assert b"".join(iter(lambda: connection.recv(100), b"")) == b"drain\n"
    finally:
        listener.shutdown()
        listener.server_close()


def test_the_agent_says_down_until_start_is_done(tmp_path, monkeypatch):
    """A worker is ready by then; a start that is ended before it is done drains nothing."""
    server = SimpleNamespace(
        process=lambda: 1, starting=tmp_path / "starting", locks=tmp_path, models=["bert"], current=lambda: server
    )
    monkeypatch.setattr(agent.management, "describe", lambda *_: {"workers": [{"status": "READY"}]})
    monkeypatch.setattr(agent.draining, "pending", lambda _: 0)
    with server.starting.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert agent.state(server) == "down"
    assert agent.state(server) == "ready up 100%"


def holding(active, previous="", canary="", percent=0):
    """A server with these versions of bert."""

    def named(version):
        return {"bert": Loaded(version, f"bert-{version}.mar")} if version else {}

    tried = {"bert": Canary(Loaded(canary, ""), percent)} if canary else {}
    return SimpleNamespace(answering=named(active), previous=named(previous), canary=tried)


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([holding("1.0")], "1.0"),
        ([holding("1.0", canary="2.0", percent=10)], "1.0/2.0/10"),
        ([holding("2.0", "1.0"), holding("1.0")], "1.0"),
        ([holding("1.0"), holding("2.0", "1.0")], "1.0"),
        ([holding("2.0", "1.0"), holding("2.0", "1.0")], "2.0"),
        ([holding("1.0", canary="2.0", percent=10), holding("1.0")], "1.0"),
        ([holding("1.0", canary="2.0", percent=10), holding("1.0", canary="2.0", percent=30)], "1.0/2.0/10"),
        ([holding("1.0", canary="2.0", percent=10), holding("1.0", canary="3.0", percent=30)], "1.0"),
        ([holding("2.0", "1.0"), holding("1.0", canary="2.0", percent=30)], "2.0"),
        ([holding("1.0"), holding("2.0")], None),
        ([], None),
    ],
)
def test_a_gateway_asks_what_all_its_servers_have(servers, expected):
    assert versions.routing(servers, "bert") == expected
    assert versions.routing(servers, "other") is None


def test_a_map_is_written_in_one_step_for_its_user_alone(tmp_path):
    maps.write(tmp_path / "versions.map", ["bert 1.0", "tiny 2.0/3.0/10"])
    assert maps.read(tmp_path / "versions.map") == ["bert 1.0", "tiny 2.0/3.0/10"]
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("versions.map", 0o600)]
    assert maps.read(tmp_path / "none") == []


def test_a_stop_waits_only_for_whoever_asks_the_agent(tmp_path):
    server, begin = SimpleNamespace(folder=str(tmp_path)), time.monotonic()
    heard.await_drain(server, begin + 10)  # nobody asks
    heard.file(server).write_text("ready up 100%")
    os.utime(heard.file(server), (1, 1))  # nobody has asked for long
    heard.await_drain(server, begin + 10)
    heard.file(server).write_text("drain")
    heard.await_drain(server, begin + 10)
    assert time.monotonic() - begin < 5
    heard.file(server).write_text("ready up 100%")
    now = time.monotonic()
    heard.await_drain(server, now + 0.3)
    assert time.monotonic() - now >= 0.3


@pytest.mark.parametrize(
    ("path", "is_open"),
    [
        ("/predictions/bert/1.0/tei/health", True),
        ("/predictions/bert/*/tei/ping", True),
        ("/bert/infinity/health", True),
        ("/predictions/bert/1.0/vertex/tei/health", False),
        ("/explanations/bert/1.0/tei/health", False),
        ("/predictions/bert/1.0/kserve/infinity/health", False),
    ],
)
def test_only_whole_addresses_need_no_key(path, is_open):
    assert bool(re.match(routes.OPEN, path)) is is_open


def test_a_rate_of_a_key_needs_keys(tmp_path):
    with pytest.raises(Failure, match="names a key"):
        gateway(rate=["ada=5"], server=["http://127.0.0.1:1"], model=["bert"])


def test_a_server_with_a_port_that_is_none():
    with pytest.raises(Failure, match="out of range"):
        discovery.named(["http://10.0.0.5:80800"], ["bert"], "")


def test_models_whose_answers_are_large_are_known_by_their_task():
    states = Settings(servers=ONE.servers, models=(Served("states", "1.0", "hidden-states"), Served("bert", "1.0")))
    rules = list(large.told(states))
    assert "acl much path_reg ^/predictions/states(/[^/]+)?$" in rules
    assert not any("/predictions/bert" in rule for rule in rules)
