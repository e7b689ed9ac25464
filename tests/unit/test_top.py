"""`bert top`: Prometheus' text format, rates between two moments, and what is drawn of them."""

from collections import Counter
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from handler import histograms
from scripts.console import Failure
from scripts.server.state import Server
from scripts.top import exposition, figures, screen, watch
from scripts.top.moments import Model, Moment, Recent, Worker, compare

TEXT = """\
# HELP bert_requests Torchserve prometheus counter metric with unit: count
# TYPE bert_requests counter
bert_requests{ModelName="bert",Hostname="vm",} 5.0
bert_requests{ModelName="tiny",Hostname="vm",} 2.0
bert_stage_seconds{ModelName="bert",stage="idle",Hostname="vm",} 1.5E-4
odd{path="a \\"b\\\\c\\nd, e=}",} +Inf
plain 7
"""
"""As TorchServe writes it, and what the format allows beside: https://prometheus.io/docs/instrumenting/exposition_formats/"""


def test_text_to_values():
    values = exposition.parse(TEXT)
    assert values.total("bert_requests") == 7
    assert values.total("bert_requests", ModelName="bert") == 5
    assert values.by("ModelName", "bert_requests") == {"bert": 5, "tiny": 2}
    assert values.by("stage", "bert_stage_seconds") == {"idle": 0.00015}
    assert list(values.select("odd")) == [({"path": 'a "b\\c\nd, e=}'}, float("inf"))]
    assert values.total("plain") == 7
    assert values.total("bert_request") == 0
    assert len(values.content) == 5


def test_a_counter_that_fell_has_begun_again():
    before, after = exposition.parse("a 5\nb 5\n"), exposition.parse("a 7\nb 2\nc 1\n")
    change = after.since(before)
    assert {name: change.total(name) for name in "abc"} == {"a": 2, "b": 2, "c": 1}


@pytest.mark.parametrize(
    ("share", "milliseconds"), [(0.0, 0), (0.25, 500), (0.5, 1000), (0.74, 1500), (0.98, 2000), (0.99, 2000)]
)
def test_quantiles_lie_within_a_bucket(share, milliseconds):
    """Worked out by hand; tests/e2e/test_monitoring.py compares them with Prometheus' own."""
    assert figures.quantile(share, {"+Inf": 100.0, "1": 50.0, "2": 98.0}) == pytest.approx(milliseconds)


def test_quantiles_of_nothing():
    assert figures.quantile(0.5, {}) is None
    assert figures.quantile(0.5, {"1": 0.0, "+Inf": 0.0}) is None


def exposed(batches):
    """The counters of so many batches of two requests, half a second each."""
    counts = Counter()
    for name, value in (("bert_requests", 2), ("bert_batches", 1), ("bert_texts", 4), ("bert_tokens", 40)):
        counts[name, ()] = value * batches
    counts["bert_errors", (("error_type", "invalid"),)] = batches
    counts["bert_stage_seconds", (("stage", "forward"),)] = 0.4 * batches
    counts["bert_stage_seconds", (("stage", "idle"),)] = 0.6 * batches
    counts["bert_worker_restarts", ()] = 3
    observed = histograms.Observations()
    for status in ("200", "503"):
        observed.add(histograms.REQUEST_SECONDS, 0.4, (("task", "embedding"), ("status", status)), batches)
    lines = []
    for (name, labels), value in (*counts.items(), *observed.counters()):
        written = "".join(f'{key}="{label}",' for key, label in (("ModelName", "bert"), *labels))
        lines.append(f"{name}{{{written}}} {value}")
    lines += [f'ts_inference_requests_total{{model_name="bert",}} {3 * batches}', f"Requests5XX{{}} {2 * batches}"]
    lines += [f'ts_queue_latency_microseconds{{model_name="bert",}} {6000 * batches}']
    return exposition.parse("\n".join(lines))


def moment(time, batches, pids=(11, 12)):
    workers = [Worker(str(9000 + n), "1.0", pid, "READY", False, 300, time / 2) for n, pid in enumerate(pids)]
    return Moment(time, exposed(batches), [Model("bert", "1.0", 4, workers)])


def test_figures_between_two_moments():
    (row,) = (span := compare(moment(100.0, 10), moment(105.0, 20))).rows
    found = row.figures
    assert (found.requests, found.texts, found.tokens, found.batch) == (4, 8, 80, 2)
    assert found.errors == {"invalid": 2}
    assert found.queueing_ms == pytest.approx(3)
    assert found.utilization["forward"] == pytest.approx(0.4 * 10 / 5 / 2)
    assert "idle" not in found.utilization
    assert 250 < found.p50_ms < found.p99_ms <= 500
    assert found.restarts == 3
    assert span.turned_away == pytest.approx((20 - 10) / 5)
    assert row.cpu == [0.5, 0.5]


def test_a_new_worker_has_no_rate_yet():
    (row,) = compare(moment(100.0, 10), moment(105.0, 20, pids=(11, 13))).rows
    assert row.cpu == [0.5, None]


def test_rates_are_those_of_the_last_seconds():
    recent = Recent(5)
    for second in range(20):
        recent.add(moment(float(second), 10 if second < 10 else 10 * second))
    assert recent.span().rows[0].figures.requests == pytest.approx(20)
    assert len(recent._moments) == 6


@pytest.fixture
def server(tmp_path):
    return Server(
        pid=1,
        created=0.0,
        host="127.0.0.1",
        inference_port=8080,
        management_port=8081,
        metrics_port=8082,
        grpc_port=7070,
        models=["bert"],
        store="",
        folder=str(tmp_path),
        temporary="",
    )


def test_what_is_drawn(server):
    console = Console(width=160, record=True, file=StringIO())
    console.print(screen.show(server, compare(moment(100.0, 10), moment(105.0, 20)), 5))
    text = console.export_text()
    for word in (
        "turned away 2/s",
        "40% busy",
        "forward 40%",
        "invalid 2/s",
        "9001",
        "READY",
        "http://127.0.0.1:8080",
    ):
        assert word in text, text


def test_a_server_that_is_started_again_is_watched_on_and_one_that_is_gone_is_not(server, monkeypatch):
    again = msgspec.structs.replace(server, pid=2)
    gone = Failure("no server is running on port 8080")
    looks, found, asked = [moment(1.0, 1), Failure("away"), moment(3.0, 1), Failure("away")], [again, gone], []

    def look(which):
        asked.append(which.pid)
        return given(looks)

    monkeypatch.setattr(watch.moments, "look", look)
    monkeypatch.setattr(watch.listing, "find", lambda port: given(found))
    monkeypatch.setattr(watch, "sleep", lambda seconds: None)
    monkeypatch.setattr(watch, "out", Console(file=StringIO()))
    with pytest.raises(Failure, match="no server"):
        watch.watch(server, 5)
    assert asked == [1, 1, 2, 2]


def given(answers):
    """The next of them, raised if it is a failure."""
    answer = answers.pop(0)
    if isinstance(answer, Failure):
        raise answer
    return answer


def test_a_model_that_cannot_be_described_says_why(server):
    before, after = moment(100.0, 10), moment(105.0, 20)
    gone = Moment(after.time, after.values, [Model("bert", "", 0, [], "GET /models/bert: 404")])
    found = screen.as_json(server, compare(before, gone), 5)
    assert found["models"][0]["error"] == "GET /models/bert: 404"
    assert found["models"][0]["workers"] == []
