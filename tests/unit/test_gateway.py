"""The configuration that a gateway is given: HAProxy takes it, and what is in it."""

import fcntl
import itertools
import os
import re
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from handler.protocols import KNOWN
from scripts.console import Failure
from scripts.gateway import agents, haproxy, hosts, keys, large, log, maps, reload, routes, servers, settings, versions
from scripts.gateway.certificate import check
from scripts.gateway.configuration import render, render_bodies
from scripts.gateway.rules import quoted
from scripts.gateway.settings import KEY_MAP, READY_MAP, VERSION_MAP, Backend, Served, Settings
from scripts.server import agent, heard
from scripts.server.holding import Holding
from scripts.verbs.gateway import gateway, listed, rates
from tests.gateway import certificate, needs_haproxy

ONE = Settings(servers=(Backend("127.0.0.1", 8080, 48),), models=(Served("bert", "1.0", "embedding", 384),))
KEY = "k" * 24


def checked(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """HAProxy's own word."""
    (folder / "haproxy.cfg").write_text(text)
    for name in (KEY_MAP, READY_MAP, VERSION_MAP):
        (folder / name).write_text("")
    (folder / servers.STATE).write_text(servers.NOTHING)
    return subprocess.run([haproxy.program(), "-c", "-f", "haproxy.cfg"], cwd=folder, capture_output=True, text=True)


@needs_haproxy
def test_haproxy_takes_every_kind_without_a_warning(tmp_path):
    several = (Backend("10.0.0.1", 8080), Backend("10.0.0.2", 8080, 16, agent=8085), Backend("[::1]", 8080))
    zones = hosts.parsed(["http://10.0.0.5:8080?zone=a", "http://bert.internal:8080?zone=b&addresses=3"])
    models = (
        Served("bert", "1.0", "embedding", 384),
        Served("v1", "2.0"),
        Served("ner.en-1", "1.0", "token-classification"),
    )
    made = [
        ONE,
        Settings(servers=several, models=models, rate=50, rates={"ada": 5}, keys=Path("keys"), max_body=8 << 20),
        Settings(servers=several, models=models, tls_cert=certificate(tmp_path), host="0.0.0.0", max_wait=5000),
        Settings(servers=zones, models=models, zone="a"),
        Settings(servers=zones, models=models, resolvers=("10.0.0.2:53",)),
    ]
    files = [(render(each), render(each, each.max_body), render_bodies(each)) for each in made]
    for text in itertools.chain(*files):
        said = checked(text, tmp_path)
        assert said.returncode == 0, said.stdout + said.stderr
        assert not re.search("WARNING|ALERT", said.stdout + said.stderr)


def test_the_log_knows_all_parts_of_the_archives_paths():
    assert {part for path in KNOWN for part in path.split("/") if part} <= log.words()


@needs_haproxy
def test_haproxy_refuses_what_is_wrong(tmp_path):
    assert checked(render(ONE).replace("balance leastconn", "balance least"), tmp_path).returncode != 0


def test_a_key_is_a_digest_in_the_file_of_haproxy(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"ada:{KEY}\n")
    file.chmod(0o600)
    (line,) = keys.read(file)[0]
    assert line.endswith(" ada")
    assert KEY not in line
    file.chmod(0o644)  # others may read it: nobody may ask
    assert keys.read(file) == ([], f"others may read {file}")
    assert keys.read(tmp_path / "none") == ([], f"{tmp_path / 'none'} cannot be read: No such file or directory")
    assert keys.stamp(tmp_path / "none") == ()


def test_what_would_end_a_word_of_the_configuration_is_refused():
    with pytest.raises(ValueError, match="cannot be written"):
        quoted("a'b")


def test_rates_are_of_everybody_or_of_one():
    assert rates(["50", "ada=5"]) == (50, {"ada": 5})
    with pytest.raises(Failure, match="--rate ada=many"):
        rates(["ada=many"])


def test_the_agent_says_a_line_and_closes():
    listener = agent.listen(lambda question, asker: "drain", 0)
    try:
        with socket.create_connection(listener.server_address, timeout=60) as connection:
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
        assert agent.state(server) == ("down", [])
    assert agent.state(server) == ("ready up 100%", ["bert"])


def holding(active, previous="", canary="", percent=0):
    """A server with these versions of bert."""
    tried = {"bert": (canary, percent)} if canary else {}
    return Holding({"bert": active}, {"bert": previous} if previous else {}, tried)


@pytest.mark.parametrize(
    ("hosts", "expected"),
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
def test_a_gateway_asks_what_all_its_servers_have(hosts, expected):
    assert versions.routing(hosts, "bert") == expected
    assert versions.routing(hosts, "other") is None


def test_a_map_is_written_in_one_step_for_its_user_alone(tmp_path):
    maps.write(tmp_path / "versions.map", ["bert 1.0", "tiny 2.0/3.0/10"])
    assert maps.read(tmp_path / "versions.map") == ["bert 1.0", "tiny 2.0/3.0/10"]
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("versions.map", 0o600)]
    assert maps.read(tmp_path / "none") == []


def test_a_stop_waits_for_everybody_who_asks_the_agent(tmp_path):
    server, begin = SimpleNamespace(asked=tmp_path / "asked"), time.monotonic()
    heard.await_drain(server, begin + 120)  # nobody asks
    heard.note(server, "10.0.0.1", "ready up 100%")
    os.utime(server.asked / "10.0.0.1", (1, 1))  # nobody has asked for long
    heard.await_drain(server, begin + 120)
    heard.note(server, "10.0.0.1", "drain")
    heard.await_drain(server, begin + 120)
    assert time.monotonic() - begin < 100
    heard.note(server, "10.0.0.2", "ready up 100%")  # a second gateway has not been told
    now = time.monotonic()
    heard.await_drain(server, now + 0.3)
    assert time.monotonic() - now >= 0.3


@pytest.mark.parametrize(
    ("path", "is_open"),
    [
        ("/predictions/bert/1.0/tei/health", True),
        ("/predictions/bert/*/tei/ping", True),
        ("/bert/infinity/health", True),
        ("/docs", True),
        ("/predictions/bert/1.0/docs", True),
        ("/predictions/bert/*/docs/swagger-ui.css", True),
        ("/predictions/docs", False),
        ("/predictions/bert/docs", False),
        ("/predictions/bert/1.0/docs/a/b", False),
        ("/predictions/bert/1.0/vertex/docs", False),
        ("/predictions/bert/1.0/ui", True),
        ("/predictions/bert/*/ui", True),
        ("/bert/ui", False),
        ("/predictions/bert/1.0/ui/info", False),
        ("/predictions/bert/1.0/vertex/tei/health", False),
        ("/explanations/bert/1.0/tei/health", False),
        ("/predictions/bert/1.0/kserve/infinity/health", False),
    ],
)
def test_only_whole_addresses_need_no_key(path, is_open):
    assert bool(re.match(routes.OPEN, path)) is is_open


def test_a_rate_of_a_key_needs_keys(tmp_path):
    with pytest.raises(Failure, match="is of no key"):
        gateway(rate=["ada=5"], server=["http://127.0.0.1:1"], model=["bert"])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://10.0.0.5:80800", "out of range"),
        ("https://10.0.0.5:8080", "is not the address of a server"),
        ("http://10.0.0.5:8080/predictions", "is not the address of a server"),
        ("http://10.0.0.5:8080?zone=a b", "'a b' is not made of letters"),
        ("http://10.0.0.5:8080?zone=", "'' is not made of letters"),
        ("http://10.0.0.5:8080?addresses=0", "'0' is no number from 1 to 1000"),
        ("http://10.0.0.5:8080?weight=2", "weight is none of zone, addresses, in_flight"),
        ("http://a'b:8080", "is not the address of a server"),
    ],
)
def test_an_address_that_is_none(url, why):
    with pytest.raises(Failure, match=re.escape(why)):
        hosts.parse(url)


def test_a_file_of_servers(tmp_path):
    file = tmp_path / "servers"
    file.write_text(
        "# ours\nhttp://10.0.0.5:8080?zone=a\n\nhttp://bert.internal:8080?addresses=4&in_flight=16 # theirs\n"
    )
    assert hosts.read(file) == (
        Backend("10.0.0.5", 8080, agent=8085, zone="a"),
        Backend("bert.internal", 8080, 16, agent=8085, addresses=4),
    )
    file.write_text("http://10.0.0.5:8080?zone=a\nhttp://10.0.0.5:8080?zone=b\n")
    with pytest.raises(Failure, match=r"10\.0\.0\.5:8080 is named twice"):
        hosts.read(file)
    file.write_text("# none\n")
    with pytest.raises(Failure, match="names no server"):
        hosts.read(file)
    with pytest.raises(Failure, match="both name servers"):
        listed(["http://10.0.0.5:8080"], file)


def test_settings_are_read_as_they_were_written(tmp_path):
    found = hosts.parsed(["http://10.0.0.5:8080?zone=a", "http://10.0.0.6:8080"])
    given = replace(ONE, servers=found, folder=tmp_path, servers_file=tmp_path / "servers", rates={"ada": 5}, zone="a")
    given.save()
    assert settings.load(tmp_path) == given


def test_servers_elsewhere_are_a_backend_of_their_own():
    both = hosts.parsed(["http://10.0.0.5:8080?zone=a", "http://10.0.0.6:8080?zone=b"])
    text = render(replace(ONE, servers=both, zone="a"))
    assert "default_backend servers\n" in text
    assert "use_backend elsewhere if  { be_conn_free(servers) le 0 } { be_conn_free(elsewhere) gt 0 }" in text
    assert "elsewhere" not in render(replace(ONE, servers=both))
    assert "elsewhere" not in render(replace(ONE, servers=both, zone="c"))  # nobody there: all are asked


def test_the_versions_of_a_host_are_its_agents_word():
    listener = agent.listen(lambda question, asker: '{"answering":{"bert":"2.0"}}' if question else "drain", 0)
    host, port = listener.server_address
    try:
        assert agents.holdings([(host, port), (host, 1), None]) == [Holding({"bert": "2.0"}), None, None]
    finally:
        listener.shutdown()
        listener.server_close()
    # late, or gone for a moment: it has what it had
    assert agents.holdings([(host, port)]) == [Holding({"bert": "2.0"})]
    assert agents.holdings([(host, port)], fresh=0) == [None]


def test_models_whose_answers_are_large_are_known_by_their_task():
    states = Settings(servers=ONE.servers, models=(Served("states", "1.0", "hidden-states"), Served("bert", "1.0")))
    rules = list(large.told(states))
    assert "acl much path_reg ^/predictions/states(/[^/]+)?$" in rules
    assert not any("/predictions/bert" in rule for rule in rules)


def test_a_certificate_without_its_key_is_refused_with_what_to_do(tmp_path):
    whole = certificate(tmp_path)
    check(whole)
    for lines in (whole.read_text().partition("-----BEGIN PRIVATE KEY-----")[0], "# a page\n"):
        (tmp_path / "half.pem").write_text(lines)
        with pytest.raises(Failure, match=r"half.pem has no certificate with its key") as caught:
            check(tmp_path / "half.pem")
        assert "cat CERTIFICATE CHAIN KEY > FILE" in caught.value.fix


def test_a_certificate_that_is_broken_by_now_is_named_before_haproxy_refuses_it(tmp_path):
    (tmp_path / "broken.pem").write_text("# a page\n")
    with pytest.raises(Failure, match=r"broken.pem has no certificate with its key"):
        reload.examine(tmp_path, replace(ONE, tls_cert=tmp_path / "broken.pem"))


@pytest.mark.parametrize(
    ("version", "fix"), [("2.4.22", "apt-get install"), ("2.6.12", "correct what these lines name")]
)
def test_only_an_old_haproxy_is_to_be_replaced(tmp_path, monkeypatch, version, fix):
    program = tmp_path / "haproxy"
    program.write_text(f'#!/bin/sh\n[ "$1" = -v ] && echo "HAProxy version {version}-1 2023/10/17" || exit 1\n')
    program.chmod(0o700)
    monkeypatch.setattr(haproxy, "program", lambda: str(program))
    with pytest.raises(Failure, match="refuses its configuration") as caught:
        haproxy.check(tmp_path, "a")
    assert caught.value.fix.startswith(fix)
