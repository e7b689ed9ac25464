"""Equal sequences run once, and outputs that are kept answer later requests, within a number of bytes."""

import numpy as np
import orjson
import pytest

from handler.device import HIDDEN
from handler.errors import BertError
from handler.output_cache import OVERHEAD, OutputCache
from handler.poolings import POOLINGS
from handler.tasks import embedding
from handler.types import Encoding, Output
from tests.conftest import encoding
from tests.unit.test_pipeline import row

MEAN = POOLINGS["mean"]
LINE = OVERHEAD + 3 * 2 * 4 + 3 * 5 * 4
"""Bytes of an entry of three tokens: 32 bits of id and of type each, and states of width 5."""


class Model:
    """Computes states of width 5, and remembers of which sequences."""

    def __init__(self):
        self.ran = []

    def __call__(self, encodings, readings):
        self.ran += [each.ids for each in encodings]
        outputs = [Output(np.full((len(each), 5), each.ids[-1], np.float32), None) for each in encodings]
        return [output.keep_for(reading) for output, reading in zip(outputs, readings, strict=True)]


@pytest.fixture
def model():
    return Model()


def test_equal_sequences_of_a_batch_run_once_even_where_nothing_is_kept(model):
    cache = OutputCache(0)
    one, other = encoding(2, 7, 3), encoding(2, 8, 3)
    again = encoding(2, 7, 3)
    outputs, kept = cache.outputs([one, other, again, one], [MEAN] * 4, model)
    assert model.ran == [[2, 7, 3], [2, 8, 3]]
    assert kept == [False, False, True, True]
    assert outputs[0] is outputs[2] is outputs[3] is not outputs[1]
    cache.outputs([one], [MEAN], model)
    assert len(model.ran) == 3
    assert cache.take_counts() == {"hits": 2, "misses": 3, "stored_bytes": 0, "evicted_bytes": 0}
    assert set(cache.take_counts().values()) == {0}


def test_types_and_what_is_read_tell_sequences_apart(model):
    cache = OutputCache(1 << 20)
    first = encoding(2, 7, 3)
    second = Encoding([2, 7, 3], [0, 0, 1], [0] * 3)
    third = Encoding([2, 7, 3], [0, 0, 0], [0] * 3, attended=2)
    different = [first, second, first, third], [MEAN, MEAN, HIDDEN, MEAN]
    outputs, kept = cache.outputs(*different, model)
    assert kept == [False] * 4
    assert [output.hidden.shape for output in outputs] == [(1, 5), (1, 5), (3, 5), (1, 5)]
    assert cache.outputs(*different, model)[1] == [True] * 4


def test_the_oldest_go_when_the_bytes_are_full_and_what_was_asked_for_again_is_not_old(model):
    cache = OutputCache(2 * LINE)
    texts = [encoding(2, id, 3) for id in range(4)]
    for number in (0, 1, 0, 2):
        cache.outputs([texts[number]], [HIDDEN], model)
    assert cache.size == 2 * LINE
    assert cache.outputs(texts[:3], [HIDDEN] * 3, model)[1] == [True, False, True]
    counts = cache.take_counts()
    assert counts["stored_bytes"] == 4 * LINE
    assert counts["stored_bytes"] - counts["evicted_bytes"] == cache.size


def test_what_is_larger_than_all_there_may_be_pushes_nothing_out(model):
    cache = OutputCache(LINE)
    small, large = encoding(2, 7, 3), encoding(*range(50))
    cache.outputs([small, large], [HIDDEN] * 2, model)
    assert cache.outputs([small, large], [HIDDEN] * 2, model)[1] == [True, False]


def test_an_error_is_not_kept(model):
    cache, error = OutputCache(1 << 20), BertError("broken")
    one = encoding(2, 7, 3)
    assert cache.outputs([one, one], [MEAN] * 2, lambda *_: [error]) == ([error, error], [False, True])
    assert cache.outputs([one], [MEAN], model)[1] == [False]


def test_kept_states_do_not_hold_their_batch():
    states = np.zeros((6, 5), np.float32)
    cache = OutputCache(1 << 20)
    one = encoding(2, 7, 3)
    cache.outputs([one], [HIDDEN], lambda *_: [Output(states[:3], states[5])])
    (output,) = cache.outputs([one], [HIDDEN], lambda *_: [])[0]
    assert not np.shares_memory(output.hidden, states)
    assert not np.shares_memory(output.pooled, states)


def test_a_second_request_does_not_run_and_its_header_says_so(make_pipeline, echo):
    pipeline = make_pipeline(cache_bytes=1 << 20)
    (first,) = pipeline.answer([row({"inputs": ["b c", "d"]})])
    (second,) = pipeline.answer([row({"inputs": ["d", "e", "b c", "e"]})])
    assert [first.headers["x-cached"], second.headers["x-cached"]] == ["0", "3"]
    assert echo.batches == [[3, 4], [3]]
    assert orjson.loads(second.body)[0] == orjson.loads(first.body)[1]


def test_a_worker_that_keeps_nothing_says_nothing(make_pipeline):
    (reply,) = make_pipeline().answer([row({"inputs": ["b", "b"]})])
    assert "x-cached" not in reply.headers


def test_equal_texts_are_tokenized_once_and_counted_each(make_pipeline):
    pipeline = make_pipeline()
    (reply,) = pipeline.answer([row({"inputs": ["b " * 30, [5, 6], "b " * 30, [5, 6]]})])
    assert (reply.headers["x-tokens"], reply.headers["x-truncated"]) == ("32", "2")
    assert len(orjson.loads(reply.body)) == 4


@pytest.mark.parametrize("form", ["float", "base64", "int8", "binary"])
def test_the_vector_of_equal_texts_is_made_once_and_stands_at_each_of_their_places(make_pipeline, monkeypatch, form):
    made, format_of = [], embedding.FORMATS[form]
    monkeypatch.setitem(embedding.FORMATS, form, lambda rows: made.append(rows) or format_of(rows))
    pipeline = make_pipeline()
    texts = ["b c", "d", "b c", "e f g", "d", "b c"]
    (together,) = pipeline.answer([row({"inputs": texts, "encoding_format": form})])
    assert [len(rows) for rows in made] == [3]
    apart = [pipeline.answer([row({"inputs": [text], "encoding_format": form})])[0] for text in texts]
    assert orjson.loads(together.body) == [orjson.loads(reply.body)[0] for reply in apart]
    told_apart = form in ("float", "base64")  # states of this model differ in their length alone
    assert len({reply.body for reply in apart}) == (3 if told_apart else 1)


def test_an_answer_shares_no_memory_with_what_is_kept(make_pipeline):
    pipeline = make_pipeline(cache_bytes=1 << 20, task="hidden-states")
    body = {"inputs": ["b", "b"]}
    (before,) = pipeline.answer([row(body)])
    task = pipeline.tasks["hidden-states"]
    (output,) = pipeline.cache.entries.values()
    first, second = task.answer(task.parse(body, True), [[encoding(2, 9, 3)]] * 2, [[output]] * 2)
    first[:] = 0
    assert second.any()
    (after,) = pipeline.answer([row(body)])
    assert after.body == before.body
