"""A gateway in front of a real server: addresses, refusals, keys, kills and overload."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psutil
import pytest
import requests

from scripts.gateway import reload
from scripts.paths import ROOT
from tests.e2e.conftest import Cli, free_port, wait_for
from tests.gateway import certificate, needs_haproxy

pytestmark = needs_haproxy
KEYS = {"ada": "a" * 24, "bob": "b" * 24}
TEXT = {"inputs": "Hello, how are you?"}
PREDICT = "/predictions/bert/1.0"


def begin(server: Cli, offset: int, *words: str) -> str:
    """Start a gateway; its address."""
    server("gateway", "--port", str(server.port + offset), "--metrics-port", str(server.port + offset + 1), *words)
    return f"http://127.0.0.1:{server.port + offset}"


def log(server: Cli, offset: int) -> str:
    """What a gateway wrote."""
    return (server.runs / f"gateway-{server.port + offset}" / "gateway.log").read_text()


@pytest.fixture(scope="module")
def door(server: Cli) -> Iterator[str]:
    """A gateway that everybody may use."""
    yield begin(server, 6)
    server("gateway", "stop", "--port", str(server.port + 6))


@pytest.fixture(scope="module")
def locked(server: Cli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """One with keys, a rate for one of them, and TLS; its address, its file of keys and its certificate."""
    folder = tmp_path_factory.mktemp("locked")
    file, cert = folder / "keys", certificate(folder)
    file.write_text("".join(f"{name}:{key}\n" for name, key in KEYS.items()))
    file.chmod(0o600)
    address = begin(server, 8, "--keys", str(file), "--rate", "bob=1", "--tls-cert", str(cert))
    yield address.replace("http:", "https:"), file, folder / "cert.pem"
    server("gateway", "stop", "--port", str(server.port + 8))


def post(url: str, body: object = None, **options: object) -> requests.Response:
    return requests.post(url, json=TEXT if body is None else body, timeout=60, **options)


def test_addresses_without_a_model_are_those_of_the_first(server, door):
    wanted = {
        "/embed": f"{PREDICT}/tei/embed",
        "/": f"{PREDICT}/tei",
        "/bert/tei": f"{PREDICT}/tei",
        "/predictions/bert": "/predictions/bert",
        "/invocations?model_name=bert": "/invocations?model_name=bert",
    }
    for path, own in wanted.items():
        assert post(door + path).json() == post(server.url + own).json(), path
    asked = {"input": "Hello", "model": "any"}
    for path in ("/v1/embeddings", "/bert/v1/embeddings"):
        assert post(door + path, asked).json() == post(f"{server.url}{PREDICT}/v1/embeddings", asked).json()
    assert len(post(door + "/tiny/v1/embeddings", asked).json()["data"][0]["embedding"]) == 32
    ranked = {"query": "q", "texts": ["a", "b"]}
    assert post(door + "/rerank", ranked).json() == post(f"{server.url}{PREDICT}/tei/rerank", ranked).json()
    instances = {"instances": ["Hello"]}
    for path in ("/v1/models/bert:predict", f"{PREDICT}/vertex"):
        assert post(door + path, instances).json() == post(server.url + path, instances).json(), path
    page, own = requests.get(f"{door}/docs", timeout=60), requests.get(f"{server.url}{PREDICT}/docs", timeout=60)
    assert (page.status_code, page.text) == (own.status_code, own.text)


def test_nothing_but_inference_reaches_the_server(door):
    for method, path in (("DELETE", "/models/bert"), ("GET", "/api-description"), ("GET", "/metrics")):
        assert requests.request(method, door + path, timeout=60).status_code == 404, path
    assert "haproxy" in requests.get(door[:-1] + str(int(door[-1]) + 1) + "/metrics", timeout=60).text
    form = {"content-type": "application/x-www-form-urlencoded"}
    fields = requests.post(
        f"{door}{PREDICT}", data="&".join(f"f{n}=" for n in range(100_000)), headers=form, timeout=60
    )
    assert (fields.status_code, fields.json()["error_type"]) == (413, "too_large")
    assert requests.post(f"{door}{PREDICT}", files={"a": "b"}, timeout=60).status_code == 415
    assert requests.post(f"{door}{PREDICT}", data=b" " * (1 << 21), timeout=60).status_code == 413
    chunks = (b" " * 1000 for _ in range(2000))
    assert requests.post(f"{door}{PREDICT}", data=chunks, timeout=60).status_code == 413
    assert requests.post(f"{door}{PREDICT}", headers={"x-long": "a" * 9000}, timeout=60).status_code == 431
    port = int(door.rpartition(":")[2])
    for path in ("/predictions/../models", "/predictions/bert/%2e%2e/x", "//predictions/bert"):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
            raw.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert raw.recv(100).startswith(b"HTTP/1.1 400"), path


def test_a_request_has_one_name_and_no_text_of_it_is_written_down(server, door):
    answer = post(
        f"{door}/predictions/bert?secret=of-the-address",
        {"inputs": "a secret-of-the-body"},
        headers={"x-request-id": "mine-1"},
    )
    assert answer.headers["x-request-id"] == "mine-1"
    made = post(f"{door}{PREDICT}").headers["x-request-id"]
    assert len(made) == 36

    def lines():
        return [json.loads(line) for line in log(server, 6).splitlines() if line.startswith("{") and made in line]

    (line,) = wait_for(lines, "the line of the request")
    assert (line["status"], line["path"]) == (200, PREDICT)
    assert "mine-1" in log(server, 6)
    assert "secret" not in log(server, 6)


def test_pipelined_requests_are_answered_in_order(door):
    port = int(door.rpartition(":")[2])
    bodies = [json.dumps({"inputs": "word " * (1 + number % 7), "task": "tokenize"}).encode() for number in range(20)]
    wanted = [len(post(f"{door}{PREDICT}", json.loads(body)).json()[0]) for body in bodies]
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
        raw.sendall(b"".join(b"%scontent-length: %d\r\n\r\n%s" % (head.encode(), len(body), body) for body in bodies))
        reader = raw.makefile("rb")
        found = []
        for _ in bodies:
            length = 0
            while (line := reader.readline()) != b"\r\n":
                length = int(line[15:]) if line.lower().startswith(b"content-length:") else length
            found.append(len(json.loads(reader.read(length))[0]))
    assert found == wanted


def test_keys_rates_and_tls(locked):
    address, file, cert = locked
    options = {"verify": str(cert)}

    def ask(key: str) -> int:
        return post(f"{address}/embed", headers={"authorization": f"Bearer {key}"}, **options).status_code

    for headers, why in (({}, "requires an API key"), ({"authorization": "Bearer " + "c" * 24}, "unknown or revoked")):
        refused = post(f"{address}/embed", headers=headers, **options)
        assert (refused.status_code, why in refused.json()["error"]) == (401, True), why
        assert refused.headers["www-authenticate"] == "Bearer"
    for path in ("/ping", "/bert/tei/health", f"{PREDICT}/ui", "/ui", "/bert/ui"):
        assert requests.get(f"{address}{path}", timeout=60, **options).status_code == 200, path
    for path in ("vertex/tei/health", "tei/health", "ui"):
        assert post(f"{address}{PREDICT}/{path}", {"instances": ["a"]}, **options).status_code == 401, path
    assert [ask(KEYS["ada"]) for _ in range(12)] == [200] * 12
    assert Counter(ask(KEYS["bob"]) for _ in range(30))[200] == 10  # one a second, over ten
    file.write_text(f"ada:{KEYS['ada']}\ncyd:{'c' * 24}\n")
    wait_for(lambda: ask("c" * 24) == 200, "the new key")
    assert ask(KEYS["bob"]) == 401
    old = ssl.create_default_context(cafile=str(cert))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    host, port = "127.0.0.1", int(address.rpartition(":")[2])
    with socket.create_connection((host, port), timeout=60) as raw, pytest.raises(ssl.SSLError):
        old.wrap_socket(raw, server_hostname=host)
    new = ssl.create_default_context(cafile=str(cert))
    new.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection((host, port), timeout=60) as raw, new.wrap_socket(raw, server_hostname=host) as met:
        assert met.selected_alpn_protocol() == "http/1.1"  # of HTTP/2 clients would lose refusals


def test_a_worker_that_dies_is_not_seen_by_clients(server, door):
    done = Event()

    def client(_: int) -> Counter[int]:
        found = Counter[int]()
        with requests.Session() as session:
            while not done.is_set():
                found[session.post(f"{door}{PREDICT}", json=TEXT, timeout=60).status_code] += 1
        return found

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        try:
            before = [worker["pid"] for worker in server.workers("bert")]
            for number, pid in enumerate(before, 1):
                assert pid > 1
                psutil.Process(pid).kill()
                gone = before[:number]
                wait_for(lambda gone=gone: all_ready(server, gone), "another worker")
        finally:
            done.set()
        statuses = sum((each.result() for each in clients), Counter())
    assert set(statuses) == {200}, statuses
    assert wait_for(lambda: '"retries":"1"' in log(server, 6), "a request that was sent again")


def test_nobody_is_refused_while_haproxy_starts_again(server, door):
    done = Event()

    def client(_: int) -> list[str]:
        lost = []
        while not done.is_set():
            try:
                assert post(f"{door}{PREDICT}").status_code == 200  # a connection of its own
            except requests.ConnectionError as error:
                lost.append(repr(error))
        return lost

    folder = server.runs / f"gateway-{server.port + 6}"
    old = psutil.Process(reload.pid(folder))
    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client, number) for number in range(4)]
        try:
            old.kill()
            wait_for(lambda: reload.pid(folder) not in (0, old.pid), "another HAProxy")
            assert wait_for(lambda: post(f"{door}{PREDICT}").status_code == 200, "an answer")
        finally:
            done.set()
        lost = [what for each in clients for what in each.result()]
    assert len(lost) <= len(clients), lost  # what was in flight is cut
    assert not any("refused" in what for what in lost)


def test_stop_waits_for_a_request_whose_body_is_arriving(server):
    offset = free_port() - server.port
    address = begin(server, offset)
    port, body = server.port + offset, json.dumps(TEXT).encode()
    head = (
        f"POST {PREDICT} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with (
        ThreadPoolExecutor(1) as pool,
        socket.create_connection(("127.0.0.1", port), timeout=60) as late,
        requests.Session() as idle,
    ):
        assert idle.post(f"{address}{PREDICT}", json=TEXT, timeout=60).status_code == 200
        late.sendall(head.encode() + body[:5])
        stopping = pool.submit(server, "gateway", "stop", "--port", str(port))
        wait_for(lambda: not connects(port), "a closed door")
        assert not stopping.done()
        late.sendall(body[5:])
        assert late.recv(65536).startswith(b"HTTP/1.1 200 ")
        stopping.result()


def test_two_starts_at_once_are_one_gateway_in_a_folder_of_any_name(server, tmp_path):
    port = free_port()
    words = ["gateway", "--server", server.url, "--model", "bert", "--port", str(port)]
    environment = server.environment(BERT_RUNS=str(tmp_path / 'it\'s "a b" #1'))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [ROOT / "scripts" / "bert", *words]
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60)

    with ThreadPoolExecutor(2) as pool:
        both = sorted(pool.map(lambda _: run(*words), range(2)), key=lambda done: done.returncode)
    try:
        assert [done.returncode for done in both] == [0, 1], both
        assert re.search("another command is starting|runs on port|is in use", both[1].stderr)
        assert post(f"http://127.0.0.1:{port}/embed", {"inputs": "a"}).status_code == 200
    finally:
        assert "stopped" in run("gateway", "stop", "--port", str(port)).stdout
    assert not connects(port)


def connects(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def all_ready(server: Cli, before: list[int]) -> bool:
    """Whether others are there in the place of workers that were killed."""
    workers = server.workers("bert")
    return all(worker["status"] == "READY" and worker["pid"] not in before for worker in workers)


def test_the_file_alone_and_the_gateway_in_status(server, door):
    printed = server("gateway", "--print", "--port", str(server.port + 8)).stdout
    assert printed.startswith("global\n")
    assert re.search(rf" 127\.0\.0\.1:{server.port} .*maxconn", printed)
    assert f"gateway {door}" in server("status").stdout
    again = server("gateway", "--port", str(server.port + 6), expect=1)
    assert "runs on port" in again.stderr
    refused = server("gateway", "--port", str(server.port + 8), "--host", "0.0.0.0", expect=1)
    assert "--keys" in refused.stderr
