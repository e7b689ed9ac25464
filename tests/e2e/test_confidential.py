"""Nothing that a server writes quotes what a client sent: a mark in each part of a request, sought in every file."""

import json
import socket
from pathlib import Path

import grpc
import requests

from tests.e2e.conftest import wait_for
from tests.e2e.test_clients import field

BODY = b'{"inputs": "a", "dimensions": 1}'
JSON = {"content-type": "application/json"}
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}
MARK = "wombatzeppelin"
"""Somewhere in each of `MARKED`, and so nowhere in what a server writes."""
FORM = "application/x-www-form-urlencoded"
DISPOSITION = b'--x\r\ncontent-disposition: form-data; name="%s"; filename="%s"\r\n'
PART = DISPOSITION + b"content-type: text/plain%s\r\n\r\n%s\r\n--x--\r\n"
WORD = MARK.encode()
MARKED = {
    "a text": (b'{"inputs": "wombatzeppelin"}', JSON),
    "a key of a body": (b'{"inputs": "a", "wombatzeppelin": 1}', JSON),
    "a value of another kind": (b'{"inputs": ["a", {"wombatzeppelin": "wombatzeppelin"}]}', JSON),
    "a task": (b'{"inputs": "a", "task": "wombatzeppelin"}', JSON),
    "no JSON": (b'{"inputs": "wombatzeppelin', JSON),
    "no UTF-8": (b'{"inputs": "wombatzeppelin\xff"}', JSON),
    "no gzip": (WORD, {**JSON, "content-encoding": "gzip"}),
    "an unknown coding": (WORD, {**JSON, "content-encoding": MARK}),
    "an unknown type": (WORD, {"content-type": f"text/{MARK}; charset={MARK}"}),
    "a form": (b"text=wombatzeppelin", {"content-type": FORM}),
    "a form with a bare %": (b"text=wombatzeppelin 100%, wombatzeppelin", {"content-type": FORM}),
    "a form without a name": (b"=wombatzeppelin", {"content-type": FORM}),
    "a form with a broken %": (b"wombatzeppelin=%zz", {"content-type": FORM}),
    "a part": (PART % (b"text", b"a", b"", WORD), MULTIPART),
    "a part of an unknown charset": (
        PART % (WORD, WORD, b"; charset=wombatzeppelin", WORD),
        MULTIPART,
    ),
    "a part that is cut off": (
        b'--x\r\ncontent-disposition: form-data; name="wombatzeppelin',
        MULTIPART,
    ),
    "an API key": (BODY, {**JSON, "authorization": f"Bearer {MARK}", "api-key": MARK, "x-api-key": MARK}),
    "ids that are none": (
        BODY,
        {**JSON, "x-request-id": f"{MARK} {MARK}", "x-correlation-id": "", "traceparent": MARK},
    ),
    "other headers": (BODY, {**JSON, "x-request-start": f"t={MARK}", "user-agent": MARK, "accept": MARK, MARK: MARK}),
    "a wrong length of JSON": (BODY, {**JSON, "inference-header-content-length": MARK}),
}
LINES = [
    "/invocations?inputs=wombatzeppelin%zz",
    "/invocations?inputs=wombatzeppelin&wombatzeppelin=wombatzeppelin",
    "/predictions/bert/1.0/wombatzeppelin%00%0a",
    "/predictions/bert/1.0/wombatzeppelin",
    "/predictions/bert/1.0/hf/wombatzeppelin",
    "/predictions/bert/1.0/v1/models/wombatzeppelin",
    "/predictions/bert/wombatzeppelin",
    "/predictions/wombatzeppelin",
    "wombatzeppelin",
]
PROTOCOLS = ("", "/v1/embeddings", "/v2/embed", "/tei/embed", "/hf", "/infinity/embeddings", "/v1/score", "/vertex")


def test_nothing_that_is_written_quotes_what_a_client_sent(server, collector):
    """Broken forms and addresses are errors of TorchServe's, which would log them; of the others we write lines."""
    before = pids(server)
    addresses = [f"{server.url}/predictions/bert/1.0{path}" for path in PROTOCOLS] + [
        f"{server.url}/v1/models/bert:predict"
    ]
    statuses = set()
    for address in addresses:
        for body, headers in MARKED.values():
            statuses.add(requests.post(address, data=body, headers=headers, timeout=60).status_code)
    for line in LINES:
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(f"GET {line} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n".encode())
            assert connection.recv(64).startswith(b"HTTP/1.1 ")
    assert {200, 400, 422, 500} <= statuses
    with grpc.insecure_channel(f"127.0.0.1:{server.port + 3}") as channel:
        call = channel.unary_unary("/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions")
        for body in (b'"wombatzeppelin"', b'{"wombatzeppelin": 1}'):
            request = field(1, b"bert") + field(3, field(1, b"body") + field(2, body))
            assert call(request, timeout=60, metadata=[(MARK, MARK)])
    last = (
        requests.post(f"{server.url}/predictions/bert", json={"inputs": "a"}, timeout=60)
        .headers["x-request-id"]
        .encode()
    )
    folders = [server.runs, *(Path(each["temporary"]) for each in states(server))]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert {"requests.log", "worker.log", "server.log", "server.json"} <= {file.name for file in files}
    log = next(file for file in files if file.name == "requests.log")
    wait_for(lambda: last in log.read_bytes(), "the last line")
    wait_for(lambda: any(last in each for each in collector.raw), "the last span")
    assert [file for file in files if WORD in file.read_bytes()] == []
    assert [each for each in collector.raw if WORD in each] == []
    assert pids(server) == before


def pids(server):
    return [worker["pid"] for model in server.status()[0]["models"] for worker in model["workers"]]


def states(server):
    return [json.loads(file.read_bytes()) for file in server.runs.glob("*/server.json")]
