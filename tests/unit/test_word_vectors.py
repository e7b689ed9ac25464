"""`word-vectors` on a table whose cosines can be worked out by hand: token id n lies at n degrees and is n + 1 long."""

import math

import numpy as np
import orjson
import pytest
import torch

from handler.tasks.neighbours import EmbeddingIndex
from handler.types import Row

CLS, SEP, MASK = 2, 3, 4


@pytest.fixture
def pipeline(make_pipeline):
    return make_pipeline()


@pytest.fixture
def id(pipeline):
    return pipeline.tokenizer.backend.token_to_id


def ask(pipeline, inputs, **options):
    body = orjson.dumps({"task": "word-vectors", "inputs": inputs, **options})
    (reply,) = pipeline.answer([Row({"body": body}, {}, "application/json")])
    return reply.status, orjson.loads(reply.body)


def at(degrees, length=1.0):
    return pytest.approx([length * math.cos(math.radians(degrees)), length * math.sin(math.radians(degrees))], rel=1e-5)


def test_a_word_is_its_row_and_one_of_several_pieces_their_mean(pipeline, id):
    status, (cat, mats) = ask(pipeline, ["Cat", "mats"])
    assert (status, cat["tokens"], mats["tokens"]) == (200, ["cat"], ["mat", "##s"])
    assert cat.keys() == {"tokens", "vector"}
    assert cat["vector"] == at(id("cat"), id("cat") + 1)
    rows = np.array([at(id(token), id(token) + 1).expected for token in ("mat", "##s")])
    assert mats["vector"] == pytest.approx(rows.mean(0), rel=1e-5)
    assert ask(pipeline, "cat") == (200, [cat])


def test_cosines_of_each_to_each(pipeline, id):
    words = ["cat", "mat", "you"]
    _, answer = ask(pipeline, words, cosines=True, vectors=False)
    for word, found in zip(words, answer, strict=True):
        assert found.keys() == {"tokens", "cosines"}
        assert found["cosines"] == pytest.approx([math.cos(math.radians(id(word) - id(other))) for other in words])


def test_neighbours_leave_out_the_word_and_what_is_no_word(pipeline, id):
    _, (hello,) = ask(pipeline, "hello", top_k=3)
    first = id("hello")
    assert first == MASK + 1
    assert [near["id"] for near in hello["neighbours"]] == [first + 1, first + 2, first + 3]
    assert hello["neighbours"][0] == {
        "token": "how",
        "id": first + 1,
        "score": pytest.approx(math.cos(math.radians(1)), abs=1e-6),
    }
    _, (everything,) = ask(pipeline, "hello", top_k=1000)
    assert len(everything["neighbours"]) == pipeline.tokenizer.vocabulary - 5 - 1


def test_an_expression_is_a_sum_of_unit_vectors(pipeline, id):
    _, (found,) = ask(pipeline, {"positive": ["a", "cat"], "negative": "sat"}, top_k=2)
    rows = {word: np.array(at(id(word)).expected) for word in ("a", "cat", "sat")}
    total = rows["a"] + rows["cat"] - rows["sat"]
    assert found["tokens"] == ["a", "cat", "sat"]
    assert found["vector"] == pytest.approx(total / np.linalg.norm(total), rel=1e-4)
    assert not {near["token"] for near in found["neighbours"]} & {"a", "cat", "sat"}
    _, (away,) = ask(pipeline, {"negative": ["cat"]})
    assert away["vector"] == at(id("cat") + 180)
    _, (alone,) = ask(pipeline, {"positive": ["cat"]})
    assert alone["vector"] == at(id("cat"))


@pytest.mark.parametrize(
    ("inputs", "options", "status", "words"),
    [
        ("", {}, 422, "text 1 of 1 is empty"),
        ([], {}, 422, "there is no text"),
        (["cat", "🤖"], {}, 422, "word 2 of 2 is not in the vocabulary"),
        (["cat", {"positive": ["mat", "🤖"]}], {}, 422, "word 3 of 3 is not in the vocabulary"),
        ("\u200b", {}, 422, "word 1 of 1 holds nothing that the model reads"),
        (["cat", {}], {}, 422, "input 2 of 2 has no words"),
        ({"positive": "cat", "negative": "cat"}, {}, 422, "the words of input 1 cancel out"),
        ({"positiv": "cat"}, {}, 422, "positiv"),
        ("cat", {"top_k": 1001}, 422, "top_k"),
        (["cat"] * 2049, {}, 413, "2049 texts"),
        ([{"positive": ["cat"] * 1025}] * 2, {}, 413, "2050 texts"),
    ],
)
def test_what_cannot_be(pipeline, inputs, options, status, words):
    got, answer = ask(pipeline, inputs, **options)
    assert got == status
    assert words in answer["error"]


def test_an_answer_too_large_is_refused_before_it_is_computed(make_pipeline, echo, monkeypatch):
    pipeline = make_pipeline(max_response_bytes=5000)
    assert ask(pipeline, "cat", top_k=9)[0] == 200
    monkeypatch.setattr(EmbeddingIndex, "nearest", None)
    status, answer = ask(pipeline, ["cat"] * 10, top_k=9)
    assert (status, "the limit is 5000" in answer["error"]) == (413, True)
    assert not echo.batches


def test_equal_cosines_are_in_the_order_of_ids_in_any_portion(pipeline, monkeypatch):
    table = torch.tensor([[1.0, 0.0]] * 20 + [[1.0, 1.0]] * 20)  # no rounding, so that equal cosines are equal
    units = np.array([[1, 0]] * 5, dtype=np.float32)
    vocabulary = EmbeddingIndex(table, pipeline.tokenizer)
    named = [id for id in range(5, 40) if id != 6 and pipeline.tokenizer.name(id)]
    for at_once in (1, 80, 1 << 22):
        monkeypatch.setattr("handler.tasks.neighbours.SCORES_AT_ONCE", at_once)
        checks = []
        found = list(vocabulary.nearest(units, [{6}] * 5, 16, lambda checks=checks: checks.append(1)))
        assert [[number for number, _ in ranking] for ranking in found] == [named[:16]] * 5
        assert len(checks) == math.ceil(5 / max(1, at_once // 40))


def test_rows_that_were_never_trained_are_no_neighbours(pipeline, monkeypatch):
    names = {10: "[unused7]", 11: "madeupword0001", 12: ""}
    known = pipeline.tokenizer.name
    monkeypatch.setattr(pipeline.tokenizer, "name", lambda id: names.get(id) if id in names else known(id))
    words = EmbeddingIndex(torch.ones(100, 2), pipeline.tokenizer).is_word
    assert not words[[*range(5), *names]].any()
    assert words[[5, 9, 13]].all()
    assert not words[max(pipeline.tokenizer.backend.get_vocab().values()) + 1 :].any()


def test_a_late_request_is_told_so(pipeline, monkeypatch):
    def late(self, units, own, top_k, check):
        pipeline.deadline.at = 0.0
        check()

    monkeypatch.setattr(EmbeddingIndex, "nearest", late)
    status, answer = ask(pipeline, "cat", top_k=1)
    assert (status, answer["error_type"]) == (503, "overloaded")
