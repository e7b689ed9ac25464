"""What is kept of requests, and that nothing which writes it can harm a worker."""

import json
import logging
import os
import threading

import msgspec
import orjson
import pytest

from handler import protocols
from handler.observability.recorder import MOST, Recorder
from handler.types import Row

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRETS = ("zeppelin", "airship")


class Kept:
    """An output that keeps what it is given, or fails."""

    def __init__(self, name="kept", fails=False):
        self.name, self.fails, self.records, self.closed = name, fails, [], False

    def write(self, records):
        if self.fails:
            raise OSError(28, "No space left on device")
        self.records += records

    def close(self):
        self.closed = True


def row(body, path="", **given):
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return Row({"body": body if isinstance(body, bytes) else orjson.dumps(body)}, named, "application/json", path)


@pytest.fixture
def seen(make_pipeline):
    """Records of requests that run in one batch."""

    def seen(*rows, **settings):
        pipeline, kept = make_pipeline(**settings), Kept()
        pipeline.recorder = Recorder("bert", "1.0", [kept])
        replies = pipeline.answer(rows)
        pipeline.recorder.flush()
        return replies, kept.records

    return seen


def test_a_record_says_what_became_of_a_request(seen):
    good = row({"inputs": ["b", "b c"]}, content_length="9", x_request_id="mine", traceparent=TRACEPARENT)
    replies, (first, second) = seen(good, row({"inputs": "b " * 30, "truncation": "error"}, x_request_start="t=1"))
    assert (first.correlation_id, first.traceparent, first.transport) == ("mine", TRACEPARENT, "http")
    assert replies[0].headers["x-correlation-id"] == "mine"
    assert "x-correlation-id" not in replies[1].headers
    assert (first.task, first.status, first.error_type) == ("embedding", 200, None)
    assert (first.texts, first.tokens, first.truncated, first.batch) == (2, 7, 0, 2)
    assert (second.status, second.error_type, second.transport) == (413, "too_large", "grpc")
    assert (second.correlation_id, second.traceparent, second.queue_ms) == (None, None, None)
    assert (first.model, first.version, first.worker) == ("bert", "1.0", os.getpid())
    assert first.total_ms >= sum(first.stages_ms.values()) > 0
    assert f"{first.stages_ms['forward']:.3f}" == replies[0].headers["x-forward-time"]


def test_an_error_repeats_the_id(seen):
    (reply,), (record,) = seen(row({"inputs": ""}, x_correlation_id="mine"))
    assert (reply.status, reply.headers["x-correlation-id"], record.correlation_id) == (422, "mine", "mine")


def test_nothing_of_a_client_is_kept(seen):
    word = " ".join(SECRETS)
    bodies = [{"inputs": word}, {"inputs": "b", word: 1}, {"task": word}, word.encode(), [word], {"inputs": [1, word]}]
    given = {"authorization": f"Bearer {word}", "x_request_id": word, "x_request_start": word, "user_agent": word}
    rows = [row(body, path, traceparent=word, **given) for body in bodies for path in ("", "v1/embeddings", word)]
    rows += [row({"inputs": "b"}, f"{start}/{word}") for start in ("v1/models", "hf", "kserve", "tei", "infinity")]
    _, records = seen(*rows)
    assert len(records) == len(rows)
    text = msgspec.json.encode(records).decode()
    assert not [secret for secret in SECRETS if secret in text]
    assert {"*", "v1/*", "hf/*"} < {record.route for record in records}


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("", ""),
        ("rerank", "rerank"),
        ("v1/embeddings", "v1/embeddings"),
        ("v1/models/bert", "v1/*"),
        ("hf/pipeline/feature-extraction", "hf/pipeline/feature-extraction"),
        ("kserve/explanations", "kserve/explanations"),
        ("openapi.json", "openapi.json"),
        ("tei/health", "tei/health"),
        ("tei/healthy", "tei/*"),
        ("zeppelin/health", "*"),
    ],
)
def test_routes_are_known_ones(path, known):
    assert protocols.route(path) == known


def test_the_servers_own_questions_are_left_out(seen):
    _, records = seen(Row({}, {}, "", "info", trusted=True))
    assert records == []


def test_an_output_that_fails_is_named_once_and_costs_no_other(make_pipeline, caplog):
    pipeline, broken, good = make_pipeline(), Kept("the disk", fails=True), Kept()
    pipeline.recorder = Recorder("bert", "1.0", [broken, good])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert pipeline.answer([row({"inputs": "b"})])[0].status == 200
            pipeline.recorder.flush()
    assert [record.getMessage() for record in caplog.records] == ["the disk cannot be written: OSError"]
    broken.fails = False
    pipeline.answer([row({"inputs": "b"})])
    pipeline.recorder.close()
    assert (len(good.records), len(broken.records)) == (4, 1)
    assert good.closed
    assert broken.closed


def test_records_that_nobody_takes_are_bounded(make_pipeline):
    pipeline = make_pipeline()
    pipeline.recorder = Recorder("bert", "1.0", [Kept()])
    for _ in range(MOST // 64 + 2):
        pipeline.answer([row({}) for _ in range(64)])
    assert len(pipeline.recorder.waiting) == MOST


def test_none_is_lost_between_threads(make_pipeline):
    pipeline, kept = make_pipeline(), Kept()
    pipeline.recorder = Recorder("bert", "1.0", [kept])
    done = threading.Event()

    def flush():
        while not done.is_set():
            pipeline.recorder.flush()

    writers = [threading.Thread(target=flush) for _ in range(2)]
    for each in writers:
        each.start()
    for _ in range(200):
        pipeline.answer([row({})])
    done.set()
    for each in writers:
        each.join()
    pipeline.recorder.close()
    assert len(kept.records) == 200


def test_a_fault_of_ours_is_logged_with_the_id_of_the_request(make_pipeline, caplog):
    pipeline = make_pipeline()
    pipeline.tasks["embedding"].finish = None
    (reply,) = pipeline.answer([Row({"body": b'{"inputs": "b"}'}, {}, "application/json", identity="1b671a64")])
    assert (reply.status, json.loads(reply.body)["error_type"]) == (500, "internal")
    assert caplog.records[0].getMessage().startswith("TypeError in request 1b671a64\n")
