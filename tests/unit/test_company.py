"""What requests of one batch have to do with each other, and what stays of them: nothing."""

import gc
import weakref

import orjson
import pytest

from handler.types import Row
from tests.unit.test_pipeline import ask, row


@pytest.fixture
def pipeline(make_pipeline):
    return make_pipeline()


def test_requests_that_need_places_and_others_share_a_batch(pipeline):
    asked = [
        ({"inputs": "b"}, ""),
        ({"inputs": ["c d", "e"]}, "tokenize"),
        ({"inputs": [[5, 6], [7]]}, ""),
        ({"inputs": ["f g", "h"]}, ""),
        ({"inputs": "i"}, "tokenize"),
    ]
    together = pipeline.answer([row(*each) for each in asked])
    assert [(reply.status, orjson.loads(reply.body)) for reply in together] == [ask(pipeline, *each) for each in asked]
    assert orjson.loads(together[1].body)[0][1] == {**orjson.loads(together[1].body)[0][1], "start": 0, "stop": 1}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"inputs": "b"}', 200),
        (b"{", 400),
        (b'{"inputs": ""}', 422),
        (b'{"inputs": "b", "no": 1}', 422),
        (b'{"inputs": [[5000]]}', 422),
        (b'{"inputs": "\xff"}', 400),
        (b'{"inputs": "%s"}' % (b"b" * 2_000_001), 413),
    ],
    ids=range(7),
)
def test_a_body_is_freed_with_its_answer(pipeline, content, status):
    class Fields(dict):
        """What weak references can lead to."""

    fields = Fields(body=bytearray(content))
    left = weakref.ref(fields)
    gc.disable()
    try:
        (reply,) = pipeline.answer([Row(fields, {}, "application/json")])
        del fields
        assert (reply.status, left()) == (status, None)
    finally:
        gc.enable()
