"""What a gateway in front of a real server says of itself, pages, and forms.

Addresses of pages lead to the version that answers; a form or an address that cannot be read is the client's fault, and
a 400; the log has no part of an address that is no name of ours.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.conftest import Cli, wait_for
from tests.gateway import needs_haproxy

pytestmark = needs_haproxy
PREDICT = "/predictions/bert"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.fixture(scope="module")
def door(server: Cli) -> Iterator[str]:
    """A gateway that everybody may use."""
    port = server.port + 12
    server("gateway", "--port", str(port), "--metrics-port", str(port + 1))
    yield f"http://127.0.0.1:{port}"
    server("gateway", "stop", "--port", str(port))


def test_the_gateway_says_what_is_there(door):
    for path in ("/ping", "/health", "/v2/health/ready", "/v2/models/bert/ready", "/v2/models/bert/versions/1.0/ready"):
        assert requests.get(door + path, timeout=60).status_code == 200, path
    about = requests.get(door + "/v2/models/bert", timeout=60).json()
    assert about["outputs"] == [{"name": "embedding", "datatype": "FP32", "shape": [-1, 384]}]
    assert [each["id"] for each in requests.get(door + "/v1/models", timeout=60).json()["data"]] == ["bert", "tiny"]
    assert requests.get(door + "/v1/models/tiny", timeout=60).json()["ready"] is True
    assert "has bert, tiny" in requests.get(door + "/v1/models/nobody", timeout=60).json()["error"]
    front = requests.get(door, timeout=60).text
    assert "1.0: embedding" in front
    assert '<a href="/predictions/bert/1.0/ui">bert</a>' in front


@pytest.mark.parametrize("page", ["ui", "docs"])
def test_a_page_without_a_version_leads_to_the_one_that_answers(door, page):
    first = () if page == "docs" else (f"/{page}",)
    for path in (f"/predictions/bert/{page}", f"/bert/{page}", *first):
        answer = requests.get(door + path, timeout=60)
        assert [(each.status_code, each.headers["location"]) for each in answer.history] == [
            (302, f"/predictions/bert/1.0/{page}")
        ]
        direct = requests.get(f"{door}/predictions/bert/1.0/{page}", timeout=60)
        assert (answer.status_code, answer.text) == (direct.status_code, direct.text), path
    answer = requests.get(f"{door}/tiny/{page}", timeout=60)
    assert answer.url == f"{door}/predictions/tiny/1.0/{page}"
    assert requests.post(f"{door}/predictions/bert/{page}", json={"inputs": "a"}, timeout=60).status_code == 404


@pytest.mark.parametrize("body", ["text=%zz", "text=100%", "text=a%2", "te%xt=a", "text=100% of it", "a=%2g&text=b"])
def test_a_broken_form_is_a_400(door, body):
    answer = requests.post(door + PREDICT, data=body, headers=FORM, timeout=60)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "malformed")
    assert "no two hexadecimal digits" in answer.json()["error"]


@pytest.mark.parametrize("body", ["text=100%25", "text=%41b+c", "text=%C3%A9%f0%9f%99%82"])
def test_others_reach_the_server(door, body):
    answer = requests.post(door + PREDICT, data=body, headers=FORM, timeout=60)
    assert answer.status_code == 200
    assert len(answer.json()[0]) == 384


def test_a_percent_sign_in_json_means_nothing(door):
    assert requests.post(door + PREDICT, json={"inputs": "100%zz"}, timeout=60).status_code == 200


def test_a_broken_address_is_a_400(server, door):
    with socket.create_connection(("127.0.0.1", server.port + 12)) as raw:
        raw.sendall(b"POST /predictions/be%rt HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")


def test_the_log_keeps_no_word_of_a_clients_from_an_address(server, door):
    known = (f"{PREDICT}/1.0/v1/embeddings", "/v1/models/bert:predict", "/bert/tei/embed", "/v2/models/tiny/infer")
    unknown = (
        f"{PREDICT}/my-secret",
        "/v1/my-secret",
        f"{PREDICT}/1.0/embedding/my.secret",
        "/my_secret",
        "/bert:secret",
    )
    for number, path in enumerate((*known, *unknown)):
        requests.post(door + path, json={}, headers={"x-request-id": f"logged-{number}"}, timeout=60)
    log = server.runs / f"gateway-{server.port + 12}" / "gateway.log"
    wait_for(lambda: f"logged-{len(known) + len(unknown) - 1}" in log.read_text(), "the last line")
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if '"id":"logged-' in line]
    assert [line["path"] for line in lines] == [*known, *["*"] * len(unknown)]
    assert "secret" not in text
