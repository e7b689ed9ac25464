"""The flow over a device: without memory, with a card that fails, and with requests that are read in portions."""

import orjson
import pytest
import torch

from tests.unit.test_pipeline import ask, row


@pytest.fixture
def pipeline(make_pipeline):
    return make_pipeline()


@pytest.fixture
def ids(pipeline):
    return {letter: pipeline.tokenizer.backend.token_to_id(letter) for letter in "bcz"}


def test_without_memory_for_all_the_halves_run_and_what_never_fits_may_be_sent_again(pipeline, echo, ids, monkeypatch):
    run, freed = echo.run, []
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: freed.append(1))

    def small(encodings):
        echo.batches.append([len(encoding) for encoding in encodings])
        if sum(map(len, encodings)) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        echo.batches.pop()
        return run(encodings)

    echo.run = small
    replies = pipeline.answer([row({"inputs": ["b", "d"]}), row({"inputs": "b c d e f g h i"}), row({"inputs": "c"})])
    assert [reply.status for reply in replies] == [200, 503, 200]
    assert replies[1].headers["retry-after"] == "1"
    assert "not enough memory" in orjson.loads(replies[1].body)["error"]
    assert echo.batches == [[3, 3, 3, 10], [3, 3], [3, 10], [3], [10]]
    assert len(freed) == 2


def test_a_request_without_memory_for_its_answer_may_be_sent_again(pipeline, monkeypatch):
    def vectors(*_):
        raise MemoryError

    monkeypatch.setattr("handler.tasks.embedding.vectors", vectors)
    replies = pipeline.answer([row({"inputs": "b"}), row({"inputs": "b"}, "tokenize")])
    assert [reply.status for reply in replies] == [503, 200]


def test_a_gpu_that_fails_for_good_ends_the_worker(pipeline, echo, ids, monkeypatch):
    echo.broken = {ids["z"]}
    monkeypatch.setattr("handler.runtimes.cuda.context_lost", lambda: True)
    with pytest.raises(SystemExit, match="the GPU failed"):
        pipeline.answer([row({"inputs": "z"})])


def test_a_fault_that_shows_after_the_pass_ends_the_worker_too(pipeline, echo, monkeypatch):
    def late():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(echo, "finish", late)
    with pytest.raises(RuntimeError, match="illegal"):
        pipeline.answer([row({"inputs": "b"})])
    monkeypatch.setattr("handler.runtimes.cuda.context_lost", lambda: True)
    with pytest.raises(SystemExit):
        pipeline.answer([row({"inputs": "b"})])
    monkeypatch.setattr(echo, "finish", lambda: None)
    monkeypatch.setattr("handler.tasks.embedding.vectors", lambda *_: late())
    with pytest.raises(SystemExit):  # in a task, which keeps its own errors to itself
        pipeline.answer([row({"inputs": "b"})])


def test_a_request_s_own_error_asks_no_gpu(pipeline, monkeypatch):
    monkeypatch.setattr("handler.runtimes.cuda.context_lost", pytest.fail)
    assert [reply.status for reply in pipeline.answer([row({"inputs": ""}), row({"inputs": "b"})])] == [422, 200]


def test_halves_end_with_the_time(pipeline, echo, ids, monkeypatch):
    echo.broken = {ids["b"]}
    times = iter([0.0, 0.0, 1e9])  # before reading; before the pass; before its halves
    monkeypatch.setattr("handler.deadline.monotonic", lambda: next(times, 1e9))
    assert [reply.status for reply in pipeline.answer([row({"inputs": ["b"] * 8})])] == [500]
    assert len(echo.batches) == 1


def test_for_a_device_requests_are_read_in_portions_and_each_gets_its_own(make_pipeline, echo, monkeypatch):
    monkeypatch.setattr(echo, "outputs_on_device", True)
    pipeline = make_pipeline(token_budget=1)  # portions of four characters
    finished = []
    monkeypatch.setattr(echo, "finish", lambda: finished.append(len(echo.batches)))
    bodies = [{"inputs": "b"}, {"inputs": "b c"}, {"inputs": ""}, {"inputs": ["c", "d"]}, {"inputs": "e"}]
    replies = pipeline.answer([row(body) for body in bodies])
    assert [reply.status for reply in replies] == [200, 200, 422, 200, 200]
    assert echo.batches == [[3], [4], [3], [3], [3]]  # without portions the longest would have been last
    assert finished == [5]
    for body, reply in zip(bodies, replies, strict=True):
        assert (reply.status, orjson.loads(reply.body)) == ask(pipeline, body)
