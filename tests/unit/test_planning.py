"""`bert plan`: from rows of `bench` to a host, from a host to a number of hosts."""

import json
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from handler.telemetry import STAGES
from scripts.cli import app
from scripts.console import Failure
from scripts.load import loops, served, workload
from scripts.load.workload import ModelShape
from scripts.planning import chart, fitting, measuring, observation, plan, search, traffic
from scripts.planning import host as hosts
from scripts.planning.host import Host
from scripts.planning.search import Goal
from scripts.verbs.plan import seconds

HOST = Host(
    cores=2, workers=2, batch_size=16, queue=66, batch_ms=0.6, request_ms=0.2, forward_ms=0.4, token_ms=0.08,
    java_batch_ms=0.05, frontend_ms=0.1, client_ms=0.05, speedup=1.6, overhead_ms=1.5, variation=0.05,
)  # fmt: skip
PLACE = fitting.Place(
    cores=2, workers=2, batch_size=16, batch_delay_ms=1, queue=66, threads=0, attention=0.0004,
)  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(search, "REQUESTS", 5000)
    monkeypatch.setattr(search, "EACH", 50)


def row(tokens, in_flight, batch):
    """What `bench` would write of `HOST` with `PLACE.attention`, if it took exactly what the model says."""
    forward = HOST.forward_ms + batch * HOST.token_ms * tokens * (1 + PLACE.attention * tokens)
    serial = HOST.batch_ms + HOST.request_ms * batch
    alone = in_flight == 1
    if alone:
        forward /= HOST.speedup
    used, wall = serial + forward * (HOST.cores if alone else 1), serial + forward
    stages = dict.fromkeys(STAGES, 0.0) | {"forward": forward / batch, "tokenize": HOST.request_ms}
    stages |= {"wire": HOST.batch_ms / batch, "idle": (20.0 if alone else HOST.java_batch_ms) / batch}
    return {
        "workload": str(tokens),
        "in_flight": in_flight,
        "requests": 1000,
        "texts_per_second": 100,
        "tokens_per_second": 100 * tokens,
        "cpu_seconds": {
            "python 1": used / batch * 0.6,
            "python 2": used / batch * 0.4,
            "java 3": HOST.frontend_ms + HOST.java_batch_ms / batch,
        },
        "client_cpu_seconds": HOST.client_ms,
        "mean_ms": wall + HOST.java_batch_ms + 1 + HOST.overhead_ms,
        "p50_ms": wall,
        "p90_ms": wall,
        "stages": {"batch": batch, **stages},
    }


ROWS = [row(tokens, *level) for tokens in (16, 96) for level in ((1, 1), (4, 2.1), (64, 16))]


def test_a_host_is_found_again_in_what_was_measured_of_it():
    found = hosts.as_dict(measuring.fitted(ROWS, PLACE))
    wanted = hosts.as_dict(HOST) | {"attention": PLACE.attention, "variation": 0}
    assert found == {name: pytest.approx(value, abs=1e-3) for name, value in wanted.items()}


def test_what_rest_costs_is_the_difference_that_pauses_make():
    paused = dict(ROWS[0], pause_ms=20.0, mean_ms=ROWS[0]["mean_ms"] + 1.5)
    found = hosts.as_dict(measuring.fitted([*ROWS, paused], PLACE))
    assert found == hosts.as_dict(measuring.fitted(ROWS, PLACE)) | {"cold_ms": 1.5}


def test_a_wait_for_a_core_is_not_taken_for_work_of_java():
    """Three programs on two cores: workers wait far longer for a batch than Java works for it."""
    contended = [dict(one, stages=one["stages"] | {"idle": 2.0}) for one in ROWS]
    found = measuring.fitted(contended, PLACE)
    assert found.java_batch_ms == pytest.approx(HOST.java_batch_ms)
    assert found.frontend_ms == pytest.approx(HOST.frontend_ms)
    processor_ms = (HOST.batch_ms + HOST.java_batch_ms + HOST.forward_ms) / 16 + HOST.request_ms + 3.2
    processor_ms += HOST.frontend_ms
    assert found.capacity(3.2) == pytest.approx(2000 / processor_ms, rel=1e-3)


def test_no_cost_is_negative():
    rows = [observation.closed(one, one["workload"], 0.0) for one in (row(16, 1, 1), row(16, 4, 2), row(16, 64, 16))]
    assert min(fitting.split(rows, [row.worker for row in rows])) >= 0
    assert min(fitting.split(rows, [1.0, 3.0, 60.0])) == 0  # least squares would have -3 for a batch
    assert min(fitting.forward_costs(rows, PLACE, 0.0, 0.0)) >= 0


@pytest.mark.parametrize("kept", [[0, 3], [1, 2]])
def test_rows_that_do_not_suffice(kept):
    with pytest.raises(Failure, match="rows with one request in flight"):
        measuring.fitted([ROWS[number] for number in kept], PLACE)


@pytest.mark.parametrize(
    ("workers", "size", "queue", "most"), [(2, 8, 64, 32), (8, 16, 64, 64), (1, 1, 64, 2), (40, 8, 64, 80)]
)
def test_no_more_is_sent_at_once_than_the_queue_holds(workers, size, queue, most):
    place = msgspec.structs.replace(PLACE, workers=workers, batch_size=size, queue=queue)
    assert fitting.levels(place) == (1, 2 * workers, most)
    with pytest.raises(Failure, match="rows with one request") as failure:
        measuring.fitted([], place)
    assert f"--in-flight 1,{2 * workers},{most} " in failure.value.fix


@pytest.mark.parametrize("refused", [0, 5])
def test_what_torchserve_refuses_is_not_waited_for(monkeypatch, refused):
    """Workers count what they answered, and a refusal reaches none of them."""
    counted = {"bert_requests": 0.0, "bert_texts": 0.0, "bert_batches": 0.0}
    shape, texts = ModelShape(6, 384, 1536), workload.Workload("16", ["a"], [3])

    def load(*_, **__):
        counted.update(dict.fromkeys(counted, counted["bert_requests"] + 10))
        return loops.Outcome(1.0, [0.01] * 10, {"503": refused} if refused else {}, 10)

    monkeypatch.setattr(served, "closed_loop", load)
    monkeypatch.setattr(served.stage_times, "read", lambda _: dict(counted))
    monkeypatch.setattr(served.stage_times, "LATE_SECONDS", 0)
    found = served.closed(served.Target("http://x/", {}, metrics="http://m/"), texts, 1, 4, shape)
    assert (found["requests"], found["stages"]["batch"]) == (10, 1)
    assert found["errors"] == ({"503": 5} if refused else {})


def test_nothing_answered_is_told(monkeypatch):
    monkeypatch.setattr(measuring.workload, "make", lambda *_: None)
    monkeypatch.setattr(served, "closed", lambda *_: {"requests": 0, "errors": {"503": 7}})
    subject = measuring.Subject(served.Target("", {}), SimpleNamespace(tokenizer=None, shape=None), PLACE)
    with pytest.raises(Failure, match=r"none of 7 requests was answered, with 1 in flight \(503\)"):
        measuring.measure(subject)


def test_a_wrong_number_of_tokens_is_told_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(measuring, "subject", lambda *_: pytest.fail("it was measured"))
    said = CliRunner().invoke(app, ["plan", "bert", "--rate", "5", "--tokens", "long"])
    assert isinstance(said.exception, Failure)
    assert "--tokens long" in said.exception.what


def test_results_of_bench(tmp_path):
    files = []
    for tokens in ("16", "96"):
        rows = [{key: value for key, value in one.items() if key != "workload"}
                for one in ROWS if one["workload"] == tokens]  # fmt: skip
        result = {"place": msgspec.to_builtins(PLACE), "workload": {"name": tokens}, "rows": rows}
        files.append(tmp_path / f"{tokens}.json")
        files[-1].write_text(json.dumps(result))
    assert measuring.from_bench(files) == measuring.fitted(ROWS, PLACE)
    other = json.loads(files[0].read_text()) | {"place": msgspec.to_builtins(PLACE) | {"workers": 3}}
    files[0].write_text(json.dumps(other))
    with pytest.raises(Failure, match="2 different hosts"):
        measuring.from_bench(files)
    files[0].write_text('{"rows": []}')
    with pytest.raises(Failure, match="place"):
        measuring.from_bench(files)


def test_attention_of_a_shape_is_that_of_its_operations():
    shape = ModelShape(6, 384, 1536)
    share = observation.attention(shape)
    for length in (8, 512):
        assert shape.flops([length]) / shape.flops([1]) == pytest.approx(
            length * (1 + share * length) / (1 + share), rel=1e-9
        )


def test_capacity_is_what_workers_or_cores_allow():
    assert HOST.capacity(3.2) == pytest.approx(2000 / (1.05 / 16 + 0.2 + 3.2 + 0.1))  # two cores, with Java's part
    lone = msgspec.structs.replace(HOST, workers=1)
    assert lone.capacity(3.2) == pytest.approx(1000 / (0.65 / 16 + 0.2 + (0.4 / 16 + 3.2) / 1.6))  # with both cores
    single = msgspec.structs.replace(lone, threads=1)
    assert single.capacity(3.2) == pytest.approx(1000 / (1.05 / 16 + 0.2 + 3.2))
    assert HOST.capacity(3.2, clients_here=True) < HOST.capacity(3.2)


def test_traffic_has_the_rate_and_the_lengths_of_bench():
    made = traffic.make(50, 100_000, "mixed")
    assert len(made.due) / made.due[-1] == pytest.approx(50, rel=0.02)
    assert made.tokens.mean() == pytest.approx(26.8, rel=0.03)
    assert (made.tokens.min(), made.tokens.max()) == (3, 128)
    assert set(traffic.make(50, 10, "40").tokens) == {40}
    for wrong in ("1", "long", "-4", "", "²", "1000001", "9" * 5000):
        with pytest.raises(ValueError, match=r"--tokens .*; use mixed, or a number from 2 to 1000000"):
            traffic.make(50, 10, wrong)


def test_more_load_and_less_time_need_more_hosts():
    by_rate = [search.fewest(HOST, Goal(rate, 0.05, "40")) for rate in (100, 1000, 4000)]
    assert by_rate == sorted(set(by_rate))
    by_time = [search.fewest(HOST, Goal(4000, p99, "40")) for p99 in (0.009, 0.02, 0.1)]
    assert by_time == sorted(set(by_time), reverse=True)


def test_the_fewest_hosts_are_enough_and_one_less_is_not():
    goal = Goal(3000, 0.03, "40")
    found = search.fewest(HOST, goal)
    assert goal.met(search.outcome(HOST, found, goal))
    assert not goal.met(search.outcome(HOST, found - 1, goal))


def test_thousands_of_hosts():
    goal = Goal(600_000, 0.1, "40")
    found = search.fewest(HOST, goal)
    assert 1000 < found < 3000
    assert found == pytest.approx(goal.rate / search.capacity(HOST, "40"), rel=0.3)


def test_a_time_that_no_number_of_hosts_can_keep():
    with pytest.raises(Failure, match=r"p99 of 2 ms is out of reach: it is \d"):
        search.fewest(HOST, Goal(100, 0.002, "40"))


def test_zones_and_cost():
    goal = Goal(4000, 0.05, "40")
    found = plan.make(HOST, goal, zones=3)
    assert found.spread % 3 == 0
    assert found.spread - found.spread // 3 >= found.hosts > found.spread - found.spread // 3 - 2
    rows = {each["case"]: each for each in found.rows}
    assert rows["with spare hosts, one zone lost"]["p99_ms"] <= 50
    assert rows["fewest hosts, one zone lost"]["load"] > rows["fewest hosts"]["load"]
    assert rows["fewest hosts, one zone lost"]["refused"] > 0.1
    # 0.36 an hour for each host, 4000 texts a second: 14.4 million texts an hour
    assert found.cost(0.36, 4000) == pytest.approx(found.spread * 0.36 / 14.4)
    assert plan.make(HOST, goal).spread == found.hosts


def test_the_loss_of_the_only_host():
    found = plan.make(HOST, Goal(50, 0.05, "40"), zones=3)
    assert (found.hosts, found.spread) == (1, 3)
    assert found.rows[1] == {"case": "fewest hosts, one zone lost", "hosts": 0, "refused": 1.0}


def test_the_verb(tmp_path):
    file, picture = tmp_path / "host.json", tmp_path / "plan.svg"
    hosts.save(HOST, file)
    assert hosts.read(file) == HOST
    words = ["plan", "bert", "--host", str(file), "--rate", "500", "--p99", "60ms", "--tokens", "40", "--zones", "2"]
    said = CliRunner().invoke(app, [*words, "--price", "0.2", "--chart", str(picture)])
    assert said.exit_code == 0, said.output
    assert re.search(r"^\d+ hosts?, \d+ over 2 zones", said.output, re.MULTILINE)
    assert "note:" not in said.output
    assert "a million texts cost" in said.output
    drawn = ElementTree.parse(picture).getroot()
    lines = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2 + 2 * 2  # the wish, and p99 and p50 with all zones and without one
    many = CliRunner().invoke(app, [*words[:-1], "5"]).output
    assert re.search(r"^note: \d hosts over [234] zones bear the loss of one as well as \d over 5$", many, re.MULTILINE)
    result = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert result["host"] == hosts.as_dict(HOST)
    assert result["spread"] >= result["hosts"] >= 1


def test_a_file_that_is_no_host(tmp_path):
    file = tmp_path / "host.json"
    for content, word in (
        ('{"cores": 2, "wokers": 2}', "wokers"),
        ('{"cores": 2, "workers": 0, "batch_ms": 1, "request_ms": 1, "token_ms": 1}', "workers"),
        ("cores: 2", "JSON"),
    ):
        file.write_text(content)
        with pytest.raises(Failure, match=word):
            hosts.read(file)


@pytest.mark.parametrize(("words", "value"), [("100ms", 0.1), ("0.5s", 0.5), ("2 s", 2.0), (" 1.5ms ", 0.0015)])
def test_times(words, value):
    assert seconds(words) == pytest.approx(value)


@pytest.mark.parametrize("words", ["100", "ms", "0ms", "-5ms", "1m", "1e3ms"])
def test_what_is_no_time(words):
    with pytest.raises(Failure, match=f"--p99 {words}"):
        seconds(words)


@pytest.mark.parametrize("most", [0.7, 3, 99, 100, 1234, 60000])
def test_axes_have_round_numbers(most):
    found = chart.ticks(most)
    assert 4 <= len(found) <= 11
    assert found[0] == 0
    assert most * 0.74 < found[-1] <= most
    assert np.allclose(np.diff(found), found[1])
