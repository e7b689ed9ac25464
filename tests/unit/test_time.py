"""What becomes of requests that time does not suffice for, and of large ones, which are read in portions."""

import orjson
import pytest

from tests.unit.test_pipeline import ask, row


def test_rows_left_when_time_is_up_are_refused_and_may_be_sent_again(make_pipeline, echo, monkeypatch):
    pipeline = make_pipeline(token_budget=1, response_timeout=10)
    clock = iter([0.0, 1.0, 100.0])  # before reading; before the first batch; before the second
    monkeypatch.setattr("handler.pipeline.monotonic", lambda: 0.0)
    monkeypatch.setattr("handler.deadline.monotonic", lambda: next(clock))
    replies = pipeline.answer([row({"inputs": "b"}), row({"inputs": "b c"})])
    assert [reply.status for reply in replies] == [200, 503]
    assert replies[1].headers["retry-after"] == "1"
    assert orjson.loads(replies[1].body)["error_type"] == "overloaded"


def test_a_lone_request_that_time_does_not_suffice_for_is_too_large(make_pipeline, monkeypatch):
    pipeline = make_pipeline(token_budget=1, response_timeout=10)
    clock = iter([0.0, 1.0, 100.0])
    monkeypatch.setattr("handler.pipeline.monotonic", lambda: 0.0)
    monkeypatch.setattr("handler.deadline.monotonic", lambda: next(clock))
    status, answer = ask(pipeline, {"inputs": ["b", "b c"]})
    assert (status, answer["error_type"]) == (413, "too_large")
    assert answer["error"] == "not computed within the 8 s a batch may take; send fewer texts at once"


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_texts_are_read_in_portions_whatever_becomes_of_their_request(make_pipeline, monkeypatch, most):
    pipeline = make_pipeline()
    bodies = [
        {"inputs": ["b", "c d", "b c d"]},
        {"inputs": ["b", "c " * 30, "d"], "truncation": "error"},
        {"inputs": ["d", "b c", "c"], "task": "tokenize"},
        {"inputs": ["c", "d"]},
    ]
    alone = [pipeline.answer([row(body)])[0].body for body in bodies]
    monkeypatch.setattr("handler.text.CHARACTERS_AT_ONCE", most)
    replies = pipeline.answer([row(body) for body in bodies])
    assert [reply.status for reply in replies] == [200, 413, 200, 200]
    assert [reply.body for reply in replies] == alone


def test_texts_left_unread_when_time_is_up_are_refused(make_pipeline, monkeypatch):
    pipeline = make_pipeline()
    monkeypatch.setattr("handler.text.CHARACTERS_AT_ONCE", 3)
    clock = iter([0.0, 1e9])  # before the first portion; before the second
    monkeypatch.setattr("handler.deadline.monotonic", lambda: next(clock, 0.0))
    replies = pipeline.answer([row({"inputs": "b"}), row({"inputs": "c"}), row({"inputs": "b c d"})])
    assert [reply.status for reply in replies] == [200, 200, 503]
