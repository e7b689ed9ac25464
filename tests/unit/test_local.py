"""What is on this machine is asked directly, and no process id that means many processes goes anywhere."""

import json
import re

import psutil
import pytest

from bert_client.server import is_loopback
from handler import locks
from scripts.paths import ROOT
from scripts.server import inference, local, management, processes, state
from tests.serving import fake_server

NOBODY = "http://127.0.0.1:9"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture
def proxied(monkeypatch):
    """Every request of this process goes to a proxy that is not there."""
    for name in PROXIES:
        monkeypatch.setenv(name, NOBODY)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def server(folder, fake, **keys):
    port = fake.http.server_port
    known = {"pid": 1, "created": 0.0, "host": "127.0.0.1", "inference_port": port, "management_port": port}
    known |= {"metrics_port": port, "grpc_port": 7070, "models": ["bert"], "store": "s", "folder": str(folder)}
    return state.Server(**{**known, "temporary": "t", **keys})


def test_a_server_of_ours_is_asked_without_a_proxy(tmp_path, proxied):
    with fake_server() as fake:
        assert inference.post(server(tmp_path, fake), "/predictions/bert", {"task": "info"}).status_code == 200


def test_nothing_asks_a_server_in_another_way():
    rooms = [ROOT / "scripts" / room for room in ("server", "load", "verbs")] + [ROOT / "benchmarks" / "gpu" / "served"]
    files = [file for room in rooms for file in room.rglob("*.py") if file.name != "local.py"]
    for file in files:
        assert not re.search(r"requests\.(get|post|request|put|Session)\(|urlopen", file.read_text()), file


def test_a_netrc_adds_no_password(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with fake_server() as fake:
        local.request("POST", fake.url, json={"task": "info"}, timeout=5)
        with local.session() as session:
            session.post(fake.url, json={"task": "info"}, timeout=5)
        assert [headers.get("authorization") for headers in fake.headers] == [None, None]


def test_clients_ask_no_proxy_for_this_machine(proxied, connect, waits):
    with fake_server() as fake, connect(fake.url, retries=0) as client:
        assert client.embed("1").tolist() == [[1, 0.5]]


def test_clients_ask_the_proxy_for_others(proxied, monkeypatch, connect, waits):
    with fake_server() as fake:
        for name in PROXIES:
            monkeypatch.setenv(name, fake.url)
        with connect("http://bert.example", retries=0) as client:
            client.embed("1")
        assert fake.paths == ["http://bert.example/predictions/bert"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.9.9.9", "[::1]", "a.localhost"])
def test_this_machine(host):
    assert is_loopback(f"http://{host}:8080/x")


@pytest.mark.parametrize("host", ["localhost.example", "10.0.0.1", "128.0.0.1", "[::2]", "bert"])
def test_another_machine(host):
    assert not is_loopback(f"http://{host}:8080")


@pytest.mark.parametrize("pid", [-1, 0, 1, None, "7", True, -9])
def test_no_such_number_is_a_process(pid, tmp_path):
    assert processes.known(pid) is None
    with pytest.raises(psutil.NoSuchProcess):
        processes.find(pid)


def test_a_worker_that_is_starting_has_no_process_id(tmp_path, monkeypatch):
    shown = [{"modelName": "bert", "workers": [{"id": "9000", "pid": -1}, {"id": "9001", "pid": 77}, {"id": "9002"}]}]
    monkeypatch.setattr(management, "manage", lambda *_, **__: json.loads(json.dumps(shown)))
    description = management.describe(None, "bert")
    assert [worker["pid"] for worker in description["workers"]] == [None, 77, None]
    assert management.pids(description) == [77]


def test_a_note_of_a_server_with_such_a_number_ends_nothing(tmp_path):
    with fake_server() as fake:
        assert [server(tmp_path, fake, pid=pid).process() for pid in (-1, 0, 1)] == [None, None, None]


def test_a_lock_of_no_process_is_nobodys(tmp_path):
    assert not locks.is_running(-1)
    assert not locks.is_running(0)
