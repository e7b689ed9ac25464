"""Good and bad requests in the same batches: each gets its own answer, and no worker is lost."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from threading import local

import numpy as np
import orjson
import pytest
import requests

CLIENTS, REQUESTS = 64, 5000
JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain"

BAD = [
    (b"", JSON, "", 422),
    (b"{", JSON, "", 400),
    (b'{"inputs": "a"', JSON, "", 400),
    (b'{"inputs": NaN}', JSON, "", 400),
    (b'{"inputs": "\xff\xfe"}', JSON, "", 400),
    (b'{"inputs": "\\ud800"}', JSON, "", 400),
    (b"[" * 20_000, JSON, "", 400),
    (b"\xc3\x28", TEXT, "", 400),
    (b'{"inputs": "100%"}', FORM, "", 400),
    (b'{"inputs": ""}', JSON, "", 422),
    (b'{"inputs": "  \\n "}', JSON, "", 422),
    (b'{"inputs": []}', JSON, "", 422),
    (b'{"inputs": ["a", ""]}', JSON, "", 422),
    (b'{"inputs": null}', JSON, "", 422),
    (b'{"inputs": [null]}', JSON, "", 422),
    (b'{"inputs": [["a"]]}', JSON, "", 422),
    (b'{"inputs": {"a": 1}}', JSON, "", 422),
    (b'{"inputs": 3.5}', JSON, "", 422),
    (b'{"inputs": true}', JSON, "", 422),
    (b"null", JSON, "", 422),
    (b'{"inputs": "a", "pooling": "sum"}', JSON, "", 422),
    (b'{"inputs": "a", "normalize": "yes"}', JSON, "", 422),
    (b'{"inputs": "a", "dimensions": 0}', JSON, "", 422),
    (b'{"inputs": "a", "dimensions": 385}', JSON, "", 422),
    (b'{"inputs": "a", "dimensions": 1e99}', JSON, "", 422),
    (b'{"inputs": "a", "poling": "cls"}', JSON, "", 422),
    (b'{"inputs": "a", "text": "a"}', JSON, "", 422),
    (b'{"inputs": "a", "encoding_format": "hex"}', JSON, "", 422),
    (b'{"inputs": "a", "truncation": "middle"}', JSON, "", 422),
    (b'{"inputs": [[101, 30522]]}', JSON, "", 422),
    (b'{"inputs": [[]]}', JSON, "", 422),
    (b'{"inputs": "a", "task": ["embedding"]}', JSON, "", 422),
    (b'{"inputs": "a", "task": "embed"}', JSON, "", 404),
    (b'{"inputs": "a"}', JSON, "/1.0/nothing", 404),
    (b'{"inputs": "a"}', JSON, "/1.0/v1/nothing", 404),
    (b'{"input": ""}', JSON, "/1.0/v1/embeddings", 400),
    (b'{"inputs": "a"}', JSON, "/1.0/v1/embeddings", 400),
    (orjson.dumps({"inputs": ["a"] * 2049}), JSON, "", 413),
    (orjson.dumps({"inputs": "a" * 2_000_001}), JSON, "", 413),
    (orjson.dumps({"inputs": "word " * 300, "truncation": "error"}), JSON, "", 413),
]

GOOD = [
    lambda text: (orjson.dumps({"inputs": text}), JSON, ""),
    lambda text: (orjson.dumps({"text": [text], "normalize": True}), JSON, ""),
    lambda text: (orjson.dumps({"inputs": [text, text], "truncation": "right"}), JSON, "/1.0/embedding"),
    lambda text: (orjson.dumps({"input": [text], "model": "bert"}), JSON, "/1.0/v1/embeddings"),
    lambda text: (text.encode(), TEXT, ""),
]


def vectors(answer):
    if isinstance(answer, dict):
        return [item["embedding"] for item in answer["data"]]
    return answer


@pytest.fixture(scope="module")
def plan(reference):
    """4,000 good requests and 1,000 bad ones, shuffled with a fixed seed."""
    short = [n for n, tokens in enumerate(reference["tokens"]) if tokens < 40]
    rng = random.Random(2)
    bad = itertools.cycle(BAD)
    jobs = []
    for number in range(REQUESTS):
        if number % 5:
            index = rng.choice(short)
            jobs.append((*rng.choice(GOOD)(reference["texts"][index]), 200, reference["embeddings"][index]))
        else:
            jobs.append((*next(bad), None))
    rng.shuffle(jobs)
    return jobs


def test_every_row_gets_its_own_answer(server, plan):
    before = server.workers("bert")
    sessions = local()

    def send(job):
        body, content_type, path, status, vector = job
        if not hasattr(sessions, "session"):
            sessions.session = requests.Session()
        answer = sessions.session.post(
            f"{server.url}/predictions/bert{path}", data=body, headers={"content-type": content_type}, timeout=120
        )
        if answer.status_code != status:
            return f"{answer.status_code} instead of {status} for {body[:60]!r}: {answer.text[:200]}"
        if status == 200:
            off = max(np.abs(np.asarray(got) - vector).max() for got in vectors(answer.json()))
            return None if off < 1e-5 else f"off by {off} for {body[:60]!r}"
        return None if "error" in answer.json() else f"no error text for {body[:60]!r}"

    with ThreadPoolExecutor(CLIENTS) as pool:
        wrong = [trouble for trouble in pool.map(send, plan) if trouble]
    good = sum(job[3] == 200 for job in plan)
    assert (len(plan), good) == (REQUESTS, REQUESTS * 4 // 5)
    assert not wrong, f"{len(wrong)} wrong, the first: {wrong[0]}"
    assert [worker["pid"] for worker in server.workers("bert")] == [worker["pid"] for worker in before]
    log = (server.runs / str(server.port) / "logs" / "worker.log").read_text()
    assert "ERROR" not in log
    assert "word word" not in log
