"""What a client no longer waits for is not computed; the others of its batch are."""

from __future__ import annotations

import orjson
import pytest

from handler import call, deadline, pipeline
from handler.types import Row


class Clock:
    """Stands still, unless a pass of the model takes `pace` seconds."""

    def __init__(self) -> None:
        self.now, self.pace = 1000.0, 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch, echo):
    """Of all that look at the time."""
    made, run = Clock(), echo.run
    for module in (call, deadline, pipeline):
        monkeypatch.setattr(module, "monotonic", made)

    def timed(encodings):
        made.now += made.pace
        return run(encodings)

    monkeypatch.setattr(echo, "run", timed)
    return made


def row(text, milliseconds=None):
    headers = {} if milliseconds is None else {"x-request-timeout-ms": str(milliseconds)}
    return Row({"body": bytearray(orjson.dumps({"inputs": text}))}, headers, "application/json", "")


def test_a_batch_ends_when_the_last_of_its_clients_has_gone(make_pipeline, echo, clock):
    clock.pace = 1.0
    flow = make_pipeline(token_budget=3)
    texts = ["b", "c", "d", "e", "f"]  # a pass each
    (reply,) = flow.answer([row(texts, 2500)])
    assert (reply.status, orjson.loads(reply.body)["error_type"]) == (504, "timed_out")
    assert len(echo.batches) == 3
    echo.batches.clear()
    assert [reply.status for reply in flow.answer([row(["b", "c"], 500), row(["d", "e"], 9000)])] == [504, 200]
    assert flow.answer([row(texts, 1500), row("g")])[1].status == 200
    assert flow.answer([row(texts)])[0].status == 200


def test_what_was_late_before_the_model_does_not_run(make_pipeline, echo, clock, monkeypatch):
    flow = make_pipeline()
    encode = flow.tokenizer.encode

    def slowly(calls, until):
        encode(calls, until)
        clock.now += 1

    monkeypatch.setattr(flow.tokenizer, "encode", slowly)
    replies = flow.answer([row(["b", "c d"], 900), row("d", 1100), row("e f g")])
    assert [reply.status for reply in replies] == [504, 200, 200]
    assert sorted(echo.batches) == [[3, 5]]
    assert flow.answer([row("b", 1)])[0].status == 504
    assert flow.answer([]) == []
