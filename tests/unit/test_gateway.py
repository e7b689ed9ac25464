"""The configuration that a gateway is given: HAProxy takes it, and what is in it."""

import re
import socket
import subprocess
from pathlib import Path

import pytest

from scripts.console import Failure
from scripts.gateway import keys, watch
from scripts.gateway.configuration import render
from scripts.gateway.rules import quoted
from scripts.gateway.settings import KEY_MAP, VERSION_MAP, Backend, Served, Settings
from scripts.server import agent
from scripts.verbs.gateway import rates
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
