"""Calls that nobody should make: each is answered or refused, and costs neither a worker nor anybody's answer."""

import gzip
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psutil
import pytest
import requests

from handler.protocols.compression import LIMIT
from scripts.server import java_memory
from tests.e2e.conftest import wait_for
from tests.hostile import calls
from tests.hostile.schemas import __main__ as schemas

BODY = b'{"inputs": "a", "dimensions": 1}'
JSON = {"content-type": "application/json"}
TEXT = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]}


@pytest.fixture(autouse=True)
def same_workers(server):
    before = calls.pids(server)
    yield
    assert calls.pids(server) == before


def test_a_hundred_odd_calls_beside_ordinary_clients(server):
    report = calls.run(server, 100, seed=3)
    assert report.good, str(report)


@pytest.mark.parametrize("owner", schemas.OWNERS, ids=lambda owner: owner.name)
def test_a_hundred_requests_from_each_owners_schema(many, owner):
    archives = ("bert", "classes", "words")
    before = schemas.pids(many, archives)
    report = schemas.run(many, owner, 100, 7, archives)
    assert report.good, str(report)
    assert schemas.pids(many, archives) == before


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "path",
    [
        "predictions/bert",
        "predictions/bert/1.0",
        "invocations?model_name=bert",
        "models/bert/invoke",
        "bert/predict",
        "bert/1.0/predict",
    ],
)
def test_every_method_and_address_of_torchserves(server, method, path):
    answer = requests.request(method, f"{server.url}/{path}", data=BODY, headers=JSON, timeout=60)
    assert (answer.status_code, len(answer.json()[0])) == (200, 1)


def test_keys_after_a_question_mark(server):
    address = f"{server.url}/models/bert/invoke?inputs=a&dimensions=1"
    assert len(requests.get(address, timeout=60).json()[0]) == 1
    refused = requests.post(address, data=BODY, headers=JSON, timeout=60)
    assert (refused.status_code, refused.json()["error_type"]) == (400, "undecodable")


@pytest.mark.parametrize("coding", [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "deflate"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("predictions/bert", BODY),
        ("predictions/bert/1.0/v1/embeddings", b'{"input": "a"}'),
        ("v1/models/bert:predict", b'{"instances": ["a"]}'),
    ],
)
def test_compressed_bodies(server, path, body, coding):
    name, compress = coding
    headers = {**JSON, "content-encoding": name}
    plain = requests.post(f"{server.url}/{path}", data=body, headers=JSON, timeout=60)
    assert (
        requests.post(f"{server.url}/{path}", data=compress(body), headers=headers, timeout=60).json() == plain.json()
    )
    assert requests.post(f"{server.url}/{path}", data=body, headers=headers, timeout=60).status_code == 400
    bomb = requests.post(f"{server.url}/{path}", data=compress(bytes(LIMIT + 1)), headers=headers, timeout=60)
    assert bomb.status_code == (400 if "v1/embeddings" in path else 413)  # OpenAI's for whatever is too large
    assert str(LIMIT) in bomb.text


@pytest.mark.parametrize("name", ["explain", "Explain", "url_path", "URL_PATH", "describe", "ts_request_sequence_id"])
def test_headers_of_torchserves_own(server, name):
    headers = {**JSON, name: "True"}
    answer = requests.post(f"{server.url}/predictions/bert", data=BODY, headers=headers, timeout=60)
    assert (answer.status_code, len(answer.json()[0])) == (200, 1)


def test_a_description_is_for_the_server_alone(server):
    for more in ({}, {"content-type": "application/x-www-form-urlencoded"}):
        address = f"{server.url}/models/bert/invoke"
        answer = requests.post(address, headers={"describe": "True", **more}, timeout=60)
        assert answer.status_code == 422
    described = requests.get(f"http://127.0.0.1:{server.port + 1}/models/bert?customized=true", timeout=60)
    assert "embedding" in described.text


def test_a_request_without_any_header(server):
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        connection.sendall(b"GET /models/bert/invoke HTTP/1.0\r\n\r\n")
        assert connection.recv(99).startswith(b"HTTP/1.1 422")


def test_kserves_routes_that_explain(server):
    native = requests.post(f"{server.url}/explanations/bert", json={"inputs": ["a"], "steps": 2}, timeout=60).json()
    first = {"instances": ["a"], "steps": 2}
    answer = requests.post(f"{server.url}/v1/models/bert:explain", json=first, timeout=60).json()
    assert answer == {"explanations": native}
    second = {"id": "7", "inputs": [TEXT], "parameters": {"steps": 2}}
    answer = requests.post(f"{server.url}/v2/models/bert/explain", json=second, timeout=60).json()
    assert answer["id"] == "7"
    assert answer["outputs"][0]["name"] == "explanations"


LARGE = {"inputs": ["hello how are you a cat sat on a mat"] * 1500}


def test_large_answers_asked_for_at_once_are_all_alike_and_cost_no_worker(server):
    """Of ten megabytes each; Java's time for them once grew with the square of what one batch answers together."""
    address = f"{server.url}/predictions/tiny/1.0/hidden-states"
    alone = requests.post(address, json=LARGE, timeout=60)
    before = calls.pids(server, "tiny")
    with ThreadPoolExecutor(17) as clients:
        others = [clients.submit(requests.post, address, json=LARGE, timeout=60) for _ in range(16)]
        small = clients.submit(requests.post, f"{server.url}/predictions/tiny", json={"inputs": "hello"}, timeout=60)
        answers = [other.result() for other in others]
    assert small.result().status_code == 200
    assert len(alone.content) > 5_000_000
    assert [answer.content == alone.content for answer in answers] == [True] * len(answers)
    assert "chunked" in {answer.headers.get("transfer-encoding") for answer in answers}
    assert calls.pids(server, "tiny") == before


def test_a_form_of_many_fields_and_json_of_many_lists_are_refused(server):
    fields = "&".join(f"f{number}=v" for number in range(5000))
    lists = '{"inputs": [' + "[]," * 60_000 + "[]]}"
    kinds = {"application/x-www-form-urlencoded": fields, "application/json": lists}
    for kind, body in kinds.items():
        answer = requests.post(f"{server.url}/predictions/bert", data=body, headers={"content-type": kind}, timeout=60)
        assert (answer.status_code, answer.json()["error_type"]) == (413, "too_large"), kind


def test_java_gives_back_what_half_sent_bodies_took(server):
    java = psutil.Process(calls.pids(server)[0]).parent()
    before = java_memory.collect(java)
    head = b"POST /predictions/bert HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(40):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(head + b"x" * 9_000_000)
        wait_for(lambda: java_memory.resident(java) > 1.6 * before, "a larger Java")
    wait_for(lambda: java_memory.resident(java) < 1.5 * before, "a smaller one")
