"""The part `parity` of a GPU's run, with the CPU in the GPU's place: it passes what is right and nothing else."""

import hashlib
from dataclasses import replace
from time import monotonic

import pytest
import transformers

from benchmarks.gpu import models, parity, sizes
from benchmarks.gpu.context import Context, read
from benchmarks.gpu.parity import Case, cells, questions
from benchmarks.gpu.parity.archived import Archived
from benchmarks.gpu.parity.differences import MEASURES
from benchmarks.gpu.parity.texts import Texts
from handler.tasks import TASKS
from scripts.sources.families import FAMILIES

SMALL = sizes.TINY.small
TEXTS = Texts("a", "b", "c", "d", "e", "[MASK]")


@pytest.fixture
def context(tmp_path):
    return Context("parity", tmp_path, tmp_path, "cpu", sizes.TINY, monotonic() + 60)


def rows(context, kind, **about):
    return [
        row
        for row in read(context.folder)
        if row["kind"] == kind and "skipped" not in row and all(row[key] == value for key, value in about.items())
    ]


@pytest.mark.parametrize("head", ["Model", "ForTokenClassification", "ForMaskedLM"])
def test_float32_is_within_its_bound_in_every_task(context, head):
    parity.measure(context, Case("Bert", head))
    for runtime in ("packed", "eager"):
        found = rows(context, "cell", runtime=runtime, dtype="float32")
        asked = {question.task for question in questions.OF[head](TEXTS)}
        assert {row["task"] for row in found} >= asked - ({"explanations"} if runtime == "eager" else set())
        assert {row["batch"] for row in found} == {"alone", "mixed"}
        assert all(row["ok"] and row["difference"] <= row["bound"] == 1e-4 for row in found)
    refusals, invariance = rows(context, "refusals"), rows(context, "invariance", dtype="float32")
    assert refusals
    assert bool(invariance) == (head == "Model")
    assert all(row["statuses"] == [400, 422, 422] and row["ok"] for row in refusals)
    assert all(row["difference"] < 1e-5 for row in invariance)


def test_what_a_cpu_has_not_is_said(context):
    parity.measure(context, Case("Splinter", "Model"))
    skipped = [row for row in read(context.folder) if "skipped" in row and "dtype" in row]
    assert [(row["dtype"], "float32" in row["skipped"]) for row in skipped] == [("bfloat16", True), ("float16", True)]


@pytest.mark.parametrize(("head", "task"), [("Model", "embedding"), ("ForQuestionAnswering", "question-answering")])
def test_wrong_answers_are_found(context, monkeypatch, head, task):
    own = Archived.load

    def load(archived, runtime, dtype, device):
        worker = own(archived, runtime, dtype, device)
        if runtime == "packed":
            run = worker.runtime.run
            worker.runtime.run = lambda encodings: [replace(each, hidden=each.hidden[::-1]) for each in run(encodings)]
        return worker

    monkeypatch.setattr(Archived, "load", load)
    parity.measure(context, Case("Bert", head))
    assert {row["ok"] for row in rows(context, "cell", runtime="packed", task=task)} == {False}
    assert {row["ok"] for row in rows(context, "cell", runtime="eager")} == {True}


def test_a_small_constant_error_is_found(context, monkeypatch):
    monkeypatch.setattr(cells, "answers", shifted(cells.answers))
    parity.measure(context, Case("Splinter", "Model"))
    found = rows(context, "cell", task="similarity")
    assert found
    assert all(not row["ok"] and row["difference"] == pytest.approx(0.1, abs=1e-3) for row in found)


def shifted(answers):
    """Every number of a list of numbers is 0.1 too large."""

    def ask(worker, bodies):
        return [replace(each, value=more(each.value)) for each in answers(worker, bodies)]

    def more(value):
        numbers = isinstance(value, list) and all(isinstance(item, float) for item in value)
        return [item + 0.1 for item in value] if numbers else value

    return ask


def test_what_fails_costs_nothing_else(context, monkeypatch):
    own = Archived.load

    def load(archived, runtime, dtype, device):
        if dtype == "float16":
            raise RuntimeError("no kernel image")
        return own(archived, runtime, dtype, device)

    monkeypatch.setattr(Archived, "load", load)
    parity.measure(context, Case("DistilBert", "cross-encoder"))
    failed = rows(context, "cell", dtype="float16")
    assert [(row["runtime"], row["ok"], row["error"]) for row in failed] == [
        ("packed", False, "RuntimeError: no kernel image"),
        ("eager", False, "RuntimeError: no kernel image"),
    ]
    others = rows(context, "cell", dtype="float32")
    assert others
    assert all(row["ok"] for row in others)


def test_no_time_is_left_out_in_writing(context):
    parity.run(replace(context, end=monotonic() - 1))
    skipped = [row for row in read(context.folder) if row.get("skipped") == "no time left"]
    assert len(skipped) == len(list(parity.cases(False)))
    assert not rows(context, "cell")


def test_all_that_a_gpu_runs_is_asked():
    asked = list(parity.cases(True))
    families = {getattr(transformers, f"{family}Config").model_type for family in parity.FAST}
    assert families == {name for name, each in FAMILIES.items() if each.encoder}
    assert {(case.family, case.head) for case in asked} >= {
        (family, head)
        for family in parity.FAST
        for head in questions.OF
        if not head.startswith("For") or hasattr(transformers, family + head)
    }
    assert len(asked) == len(set(asked))
    assert {case.head for case in parity.cases(False)} == set(questions.OF)
    assert set(TASKS) - set(MEASURES) == {"tokenize", "decode", "info"}


@pytest.mark.parametrize(("family", "head"), [("Bert", "ForMaskedLM"), ("Roberta", "Model"), ("XLMRoberta", "Model")])
def test_equal_arguments_make_equal_checkpoints(tmp_path, family, head):
    def digests(name, **options):
        folder = models.save(tmp_path / name, SMALL, family, head, **options)
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}

    first, again, other = digests("first"), digests("again"), digests("other", seed=1)
    assert first == again
    assert first["model.safetensors"] != other["model.safetensors"]
    assert first["tokenizer.json"] == other["tokenizer.json"]
