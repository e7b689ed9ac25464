"""What is too long, too many or empty, as other servers' clients say it and are told."""

import orjson
import pytest

from handler.errors import Invalid
from handler.protocols import find
from handler.tasks import TASKS
from handler.types import Row


def row(body, path):
    return Row({"body": bytearray(orjson.dumps(body))}, {}, "application/json", path)


def decode(body, path):
    asked = row(body, path)
    return find(asked).decode(asked, TASKS, "embedding")


def ask(pipeline, body, path):
    (reply,) = pipeline.answer([row(body, path)])
    return reply.status, orjson.loads(reply.body)


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        ({"truncation_direction": "sideways"}, "truncation_direction"),
        ({"truncation_direction": 5}, "truncation_direction"),
        ({"truncate": "false"}, "truncate"),
        ({"truncate": []}, "truncate"),
    ],
)
def test_what_hugging_faces_keys_for_long_texts_may_hold(cut, words):
    with pytest.raises(Invalid, match=words):
        decode({"inputs": "b", **cut}, "hf")


@pytest.mark.parametrize(
    ("cut", "policy"),
    [
        ({"truncation_direction": "Left"}, "left"),
        ({"truncate": True, "truncation_direction": "left"}, "left"),
        ({"truncate": False, "truncation_direction": "left"}, "error"),
        ({"truncate": True}, "right"),
    ],
)
def test_hugging_faces_keys_for_long_texts(cut, policy):
    assert decode({"inputs": "b", **cut}, "hf").request.truncation == policy


def test_the_query_is_none_of_the_texts_of_the_limit(make_pipeline):
    pipeline = make_pipeline()
    for path, key in (("rerank", "texts"), ("tei/rerank", "texts"), ("v1/rerank", "documents")):
        assert ask(pipeline, {"query": "b", key: ["b"] * 2048}, path)[0] == 200
    assert ask(pipeline, {"source": "b", "sentences": ["b"] * 2048}, "similarity")[0] == 200
    status, answer = ask(pipeline, {"query": "b", "texts": ["b"] * 2049}, "rerank")
    assert (status, "2049 texts in one request, the limit is 2048" in answer["error"]) == (413, True)


def test_teis_statuses(make_pipeline):
    for body, path in (({"inputs": []}, "tei/embed"), ({"query": "b", "texts": []}, "tei/rerank")):
        status, answer = ask(make_pipeline(), body, path)
        assert (status, answer["error_type"]) == (400, "Empty")
