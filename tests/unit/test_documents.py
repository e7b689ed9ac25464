"""Files for people: written whole, or not at all."""

import os
from types import SimpleNamespace

import pytest

from scripts.console import Failure
from scripts.conversion import convert
from scripts.evaluation.tasks.base import Columns
from scripts.evaluation.tasks.retrieval import OTHERS, Retrieval
from scripts.files import documents
from scripts.verbs.bench import bench
from scripts.verbs.evaluation import evaluate
from scripts.verbs.plan import plan


def test_a_document_is_whole_and_others_may_read_it(tmp_path):
    file = tmp_path / "report.html"
    documents.check_writable(file)
    documents.write(file, "first 猫")
    documents.write(file, "second")
    assert (file.read_text("utf-8"), file.stat().st_mode & 0o777) == ("second", 0o644)
    assert os.listdir(file.parent) == ["report.html"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    file = tmp_path / "report.html"
    documents.write(file, "before")
    with pytest.raises(UnicodeEncodeError):
        documents.write(file, "a half of a pair \ud83d")
    assert (file.read_text(), os.listdir(tmp_path)) == ("before", ["report.html"])


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="cannot be written"):
        evaluate(["none"], tmp_path / "data.csv", report=tmp_path / "file" / "report.html", store=tmp_path)


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    file = tmp_path / "my slip" / "deeper" / "report.html"
    with pytest.raises(Failure, match="there is no folder") as failure:
        documents.check_writable(None, file)
    assert failure.value.fix == f"mkdir -p '{file.parent}'"
    with pytest.raises(Failure, match="there is no folder"):
        convert.dump(convert.Source(tmp_path / "none"), file)
    with pytest.raises(Failure, match="is a folder"):
        documents.check_writable(tmp_path)
    assert os.listdir(tmp_path) == []


def test_plan_and_bench_look_first_as_well(tmp_path):
    (tmp_path / "file").write_text("")
    chart = tmp_path / "file" / "chart.svg"
    with pytest.raises(Failure, match="cannot be written"):
        plan(rate=1, host=tmp_path / "none.json", chart=chart)
    with pytest.raises(Failure, match="cannot be written"):
        bench("bert", chart=chart)


@pytest.mark.parametrize("task", OTHERS)
def test_retrieval_is_not_measured_by_vectors_that_were_not_trained_for_it(task):
    archive = SimpleNamespace(name="colbert", info={"task": task})
    with pytest.raises(Failure, match=f"colbert is for {task}"):
        Retrieval().answers(archive, None, Columns())
