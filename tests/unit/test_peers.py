"""The harness that holds others' engines and servers against ours: its bookkeeping, without any of them."""

import os
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.peers import __main__ as command
from benchmarks.peers import cells, environments, in_process, picture, process, served, server, worker
from benchmarks.peers.engines import base
from benchmarks.peers.record import Record
from scripts.load.workload import ModelShape

TEXTS = [[7] * length for length in (5, 2, 9, 3)]


class Positions(base.Engine):
    """A state of a text is its length and the place of the token; what is padding is NaN."""

    precisions = ("float32",)

    def __init__(self):
        self.runs = 0

    def feed(self, batch):
        return base.rectangles(batch)["attention_mask"]

    def run(self, fed):
        self.runs += 1
        states = np.full((*fed.shape, 2), np.nan, np.float32)
        for row, mask in zip(states, fed, strict=True):
            count = int(mask.sum())
            row[:count] = [[count, place] for place in range(count)]
        return states

    def states(self, result, batch):
        return base.cut(result, batch)


class Here(process.Worker):
    """A worker without a process."""

    def __init__(self, name, precision="float32", factor=1.0):
        self.engine, self.precision, self.factor, self.lacks = name, precision, factor, ""

    def ask(self, texts, **order):
        batches, _ = process.cut(texts, padded=self.engine != "ours")
        if "vectors" in order:
            np.save(order["vectors"], self.factor * worker.vectors(Positions(), batches))
        return {"times": 2, "seconds": 0.5 if self.engine == "ours" else 2.0}


def test_batches_are_padded_with_zeros_that_the_mask_leaves_out():
    made = base.rectangles([[4, 5], [6, 7, 8]])
    assert made["input_ids"].tolist() == [[4, 5, 0], [6, 7, 8]]
    assert made["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert not made["token_type_ids"].any()


@pytest.mark.parametrize("name", ["ours", "theirs"])
def test_vectors_come_in_the_order_of_the_texts(name):
    found = Here(name).vectors(TEXTS)
    for text, vector in zip(TEXTS, found, strict=True):
        expected = np.array([len(text), (len(text) - 1) / 2])
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-6)


def test_an_engine_runs_all_batches_as_often_as_fill_the_time(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(worker, "process_time", lambda: float(next(clock)))
    engine = Positions()
    assert worker.timed(engine, [[[1]], [[1, 2]]], least=3) == {"times": 3, "seconds": 3.0}
    assert engine.runs == 6


def measured(workers, reference=None):
    model = SimpleNamespace(name="tiny", shape=ModelShape(1, 2, 4))
    cell = cells.Cell("mixed", len(TEXTS))
    reference = Here("transformers").vectors(TEXTS) if reference is None else reference
    peaks = dict.fromkeys(in_process.PRECISIONS, lambda: 1e6)
    return list(in_process.rows(model, cell, TEXTS, reference, workers, peaks, rounds=3))


def test_rates_are_held_against_ours_and_the_peak():
    ours, theirs = measured([Here("ours"), Here("OpenVINO")])
    flops = ModelShape(1, 2, 4).flops([len(text) for text in TEXTS])
    assert (theirs["ours_to_theirs"], theirs["least_cosine"]) == (4.0, 1.0)
    assert ours["share_of_peak"] == round(flops / 0.25 / 1e6, 3)
    assert "ours_to_theirs" not in ours


@pytest.mark.parametrize("factor", [0.9999, np.nan], ids=["far", "nan"])
def test_whoever_gives_other_vectors_is_not_timed(factor):
    ours, theirs = measured([Here("ours"), Here("OpenVINO", factor=factor)])
    assert theirs["refused"] == "a cosine below 0.99999"
    assert "gflops" not in theirs
    assert ours["gflops"] >= 0


def test_each_round_begins_with_another_engine():
    order = []
    runs = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    in_process.in_turn(runs, lambda: 1.0, rounds=4)
    assert "".join(order) == "abc" + "bca" + "cab" + "abc"


def test_cells_of_one_run_replace_their_own_rows_and_others_stay(tmp_path):
    file, about = tmp_path / "rows.json", {"machine": {"cpu": "one"}, "peers": ["a==1"]}
    record = Record(file, about)
    record.put([{"model": "m", "cell": "one", "gflops": 1.0}])
    record.put([{"model": "m", "cell": "two", "gflops": 2.0}])
    again = Record(file, about)
    assert again.has(model="m", cell="one")
    assert not again.has(model="n", cell="one")
    again.put([{"model": "m", "cell": "one", "gflops": 3.0}])
    assert {row["cell"]: row["gflops"] for row in Record(file, about).rows} == {"one": 3.0, "two": 2.0}


def test_an_engine_that_is_measured_again_leaves_others_as_they_were(tmp_path):
    record = Record(tmp_path / "rows.json", {})
    rows = [{"model": "m", "cell": "one", "precision": "int8", "engine": each, "gflops": 1.0} for each in "ab"]
    record.put(rows)
    record.put([rows[1] | {"gflops": 2.0}])
    assert {row["engine"]: row["gflops"] for row in record.rows} == {"a": 1.0, "b": 2.0}
    assert record.has(model="m", cell="one", engine="a")
    assert not record.has(model="m", cell="one", engine="c")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores are chosen on Linux alone")
def test_one_core_is_for_what_is_measured_in_process_alone():
    before = os.sched_getaffinity(0)
    with in_process.pinned():
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before


def test_what_another_machine_or_version_gave_is_dropped(tmp_path):
    file = tmp_path / "rows.json"
    here = {"cpu": "one", "system": "Linux-6.1"}
    Record(file, {"machine": here, "peers": ["a==1"]}).put([{"model": "m", "cell": "one"}])
    assert Record(file, {"machine": here, "peers": ["a==2"]}).rows == []
    assert Record(file, {"machine": here | {"cpu": "two"}, "peers": ["a==1"]}).rows == []
    assert len(Record(file, {"machine": here | {"system": "Linux-6.2"}, "peers": ["a==1"]}).rows) == 1


def test_a_cell_says_what_it_is_and_a_large_model_gets_half_of_the_tokens():
    small, large = (cells.cells(("mixed", "512"), large) for large in (False, True))
    assert [(cell.name, cell.texts) for cell in small] == [
        ("full batches, mixed", 64),
        ("full batches, 512 tokens", 4),
        ("one text of 27 tokens", 1),
        ("one text of 512 tokens", 1),
    ]
    assert [cell.texts for cell in large] == [32, 2, 1, 1]


def test_a_served_row_has_medians_and_a_ratio_but_ours_none():
    ours = [{"texts_per_second": rate, "p50_ms": 4.0, "p99_ms": 9.0, "errors": {}} for rate in (300.0, 200.0, 100.0)]
    own = [{"texts_per_second": 100.0, "p50_ms": 8.0, "p99_ms": 9.0, "errors": {"503": 1}} for _ in ours]
    found = served.summary(ours, own)
    assert (found["texts_per_second"], found["ours_to_theirs"], found["errors"]) == (100.0, 2.0, {"503": 1})
    assert "ours_to_theirs" not in served.summary(ours, ours)
    assert served.summary(ours, []) == {}
    silent = {"texts_per_second": 0.0, "p50_ms": np.nan, "p99_ms": np.nan, "errors": {"503": 9}}
    assert served.summary(ours, [*own[1:], silent]) == {"refused": "no good answers: {'503': 9}"}


def test_each_server_is_asked_as_its_owner_s_clients_ask(tmp_path):
    model = SimpleNamespace(name="MiniLM", folder=tmp_path)
    found = served.servers(model)
    assert [name for precision, name in found if precision == "int8"] == [
        "ours",
        "Infinity, ONNX",
        "Infinity, CTranslate2",
    ]
    assert found["int8", "Infinity, CTranslate2"].arguments[0] == "ctranslate2"
    assert Path(found["int8", "Infinity, CTranslate2"].arguments[1]).name == "CTranslate2-int8"
    assert found["int8", "ours"].settings == {"handler": {"dtype": "int8"}}
    assert all((server.SERVERS / each.folder / "server.py").exists() for each in found.values() if each.folder)


def test_an_environment_is_made_once_and_again_when_its_requirements_change(monkeypatch, tmp_path):
    ran, folder = [], tmp_path / "some"
    monkeypatch.setattr(environments, "CACHE", tmp_path / "cache")

    def run(command, check):
        ran.append(command[2])
        (tmp_path / "cache" / "some").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(environments.subprocess, "run", run)
    folder.mkdir()
    for wanted in ("a==1", "a==1", "a==2"):
        (folder / "requirements.txt").write_text(wanted)
        assert environments.python(folder) == tmp_path / "cache" / "some" / "bin" / "python"
    assert ran == ["venv", "pip"] * 2


def test_the_picture_has_every_ratio_and_our_share_of_the_peak():
    about = {"model": "MiniLM", "cell": "full batches, mixed", "precision": "float32"}
    rows = [
        about | {"engine": "ours", "share_of_peak": 0.83},
        about | {"engine": "OpenVINO", "share_of_peak": 0.6, "ours_to_theirs": 1.38},
        about | {"engine": "CTranslate2", "refused": "a cosine below 0.99999"},
        about | {"engine": "OpenVINO", "precision": "int8", "share_of_peak": 0.6, "ours_to_theirs": 0.71},
    ]
    drawing = picture.drawn({"in process": rows, "served": []}, "a CPU & more")
    ElementTree.fromstring(drawing)
    for text in ("0.83", "1.38", "0.71", "refused", picture.SHARE, "a CPU &amp; more"):
        assert drawing.count(f">{text}<") == 1, text
    assert (drawing.count(picture.AHEAD), drawing.count(picture.BEHIND)) == (1, 1)


def test_parts_models_and_lengths_can_be_chosen():
    chosen = command.options(["--parts", "served", "--models", "MiniLM", "--lengths", "mixed", "--resume"])
    assert (chosen.parts, chosen.models, chosen.lengths, chosen.resume) == (["served"], ["MiniLM"], ["mixed"], True)
    assert command.options([]).parts == ["in-process", "served"]


def test_a_broken_off_run_goes_on_with_the_cells_that_are_missing(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(served, "measure", lambda record, model, wanted, port, rounds: asked.append(wanted))
    monkeypatch.setattr(command, "make", lambda name: name)
    record = Record(tmp_path / "rows.json", {})
    first, *others = served.CELLS["bert-base"]
    record.put([{"model": "bert-base", "cell": first.name}])
    command.run_served(command.options(["--models", "bert-base", "--resume"]), record)
    command.run_served(command.options(["--models", "bert-base"]), record)
    assert asked == [others, [first, *others]]


@pytest.mark.parametrize(
    ("precision", "cosine", "why"),
    [
        ("float32", 1.0, ""),
        ("float32", 0.99, "a cosine below 0.99999"),
        ("int8", 0.9988, ""),
        ("int8", 0.5, "a cosine below 0.97"),
        ("int8", 1.0, "its vectors are float32's"),
    ],
)
def test_a_server_is_refused_whose_vectors_are_another_precisions(precision, cosine, why):
    assert served.refusal(precision, cosine) == why


def test_vectors_of_another_width_are_as_far_as_can_be():
    assert in_process.least_cosine(np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)) == -1
