"""Counters that Prometheus reads as a histogram."""

from threading import Event

import pytest

from handler import histograms, telemetry
from handler.telemetry import Telemetry, outcome
from handler.types import Row


def test_buckets_count_what_is_not_above_them():
    found = histograms.Observations()
    small = histograms.Histogram("h", (1.0, 2.5, 10.0))
    for value, times in ((1.0, 2), (2.6, 1), (11.0, 1)):
        found.add(small, value, (("task", "a"),), times)
    assert dict(found.counters()) == {
        ("h_bucket", (("task", "a"), ("le", "1"))): 2,
        ("h_bucket", (("task", "a"), ("le", "2.5"))): 2,
        ("h_bucket", (("task", "a"), ("le", "10"))): 3,
        ("h_bucket", (("task", "a"), ("le", "+Inf"))): 4,
        ("h_sum", (("task", "a"),)): pytest.approx(15.6),
        ("h_count", (("task", "a"),)): 4,
    }


def test_bounds_rise():
    assert histograms.SECONDS[:4] == (0.0001, 0.00025, 0.0005, 0.001)
    for bounds in (histograms.SECONDS, histograms.COUNTS):
        assert list(bounds) == sorted(set(bounds))


def test_an_empty_bucket_is_there_as_a_zero_once():
    sent = []
    telemetry = Telemetry(lambda *what: sent.append(what))
    small = histograms.Histogram("h", (1.0,))
    for _ in range(2):
        telemetry._observed.add(small, 3.0)
        telemetry.flush()
    bucket = [amount for name, amount, labels in sent if labels == {"le": "1"}]
    assert bucket == [0]
    assert [amount for name, amount, labels in sent if labels == {"le": "+Inf"}] == [1, 1]


def test_an_answer_goes_before_its_counters(monkeypatch):
    done, both = [], Event()

    class Noted(Event):
        def wait(self, timeout=None):
            done.append(timeout)
            if timeout == telemetry.FLUSH_SECONDS:
                both.set()
            return super().wait(timeout and 0)

    monkeypatch.setattr(telemetry, "Event", Noted)
    Telemetry(lambda *_: done.append("sent")).record([], telemetry.StageTimer(), 0.1, {})
    assert both.wait(10)
    assert done[:3] == [None, telemetry.HEAD_START, "sent"]


def test_what_could_not_be_decoded_has_labels_all_the_same(make_pipeline):
    """TorchServe drops a value with an empty label."""
    pipeline, seen = make_pipeline(), []
    pipeline.telemetry.record = lambda calls, *_: seen.extend(map(outcome, calls))
    bodies = (b'{"inputs": "a cat"}', b'{"inputs": "a", "task": "summarize"}', b"{")
    pipeline.answer([Row({"body": body}, {}, "application/json") for body in bodies])
    assert [dict(labels) for labels in seen] == [
        {"task": "embedding", "status": "200"},
        {"task": "none", "status": "404"},
        {"task": "none", "status": "400"},
    ]
