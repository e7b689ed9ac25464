"""A run over a place that computes by hand: what is written, and that an interrupted run ends up the same."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from scripts.bulk import job
from scripts.bulk import run as module
from scripts.bulk.atomic import UNFINISHED, alone
from scripts.bulk.rows import Refused
from scripts.bulk.run import run
from scripts.console import Failure
from tests.bulk.hand import Hand, order


def content(folder):
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


@pytest.fixture
def lines(tmp_path):
    file = tmp_path / "in" / "a.jsonl"
    file.parent.mkdir()
    rows = [json.dumps({"text": f"text {n}" if n != 4 else "", "id": n}) for n in range(10)]
    file.write_text("\n".join([*rows[:7], "broken", *rows[7:]]) + "\n")
    return file


def test_vectors_with_their_columns_and_bad_rows_apart(tmp_path, lines):
    summary = run(order(tmp_path / "out", lines), Hand())
    assert (summary.rows, summary.bad, summary.parts, summary.computed) == (11, 2, 4, 11)
    ids = []
    for number in range(4):
        columns = [json.loads(line) for line in (tmp_path / f"out/part-{number:05}.jsonl").read_text().splitlines()]
        vectors = np.load(tmp_path / f"out/part-{number:05}.npy")
        assert vectors.dtype == np.float32
        expected = [Hand().ask("embedding", {"inputs": row["text"]})[0] for row in columns]
        np.testing.assert_array_equal(vectors, expected)
        ids += [row["id"] for row in columns]
    assert ids == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    bad = [
        json.loads(line) for file in sorted((tmp_path / "out").glob("bad-*")) for line in file.read_text().splitlines()
    ]
    assert [(row["row"], row["reason"]) for row in bad] == [(5, "there is no text"), (8, "not JSON: column 1")]
    assert {row["file"] for row in bad} == {str(lines)}


@pytest.mark.parametrize("form", ["npy", "jsonl", "parquet"])
def test_cut_off_and_called_again_makes_the_same_bytes(tmp_path, lines, form):
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is an extra: scripts/setup bulk")
    run(order(tmp_path / "whole", lines, form=form), Hand())
    for breaks in ((2,), (3,), ()):
        place = Hand(breaks)
        try:
            summary = run(order(tmp_path / "out", lines, form=form), place)
        except KeyboardInterrupt:
            (tmp_path / "out" / f"{UNFINISHED}x").write_text("half a part")
    assert place.computed == [3]
    assert summary.computed == 2
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_parts_are_in_the_order_of_their_names(tmp_path, lines, monkeypatch):
    """However many they are; a folder that was begun with fewer digits goes on."""
    run(order(tmp_path / "before", lines, block=1), Hand())
    monkeypatch.setattr(job, "DIGITS", 1)
    monkeypatch.setattr(module, "DIGITS", 1)
    run(order(tmp_path / "out", lines, block=1), Hand())
    parts = sorted((tmp_path / "out").glob("part-*.npy"))
    assert [part.name for part in parts] == [f"part-{number:02}.npy" for number in range(11)]
    for part, five in zip(parts, sorted((tmp_path / "before").glob("part-*.npy")), strict=True):
        assert part.read_bytes() == five.read_bytes()
    whole = content(tmp_path / "out")
    for file in (tmp_path / "out").glob("*-0?.*"):
        file.rename(file.with_name(file.name.replace("-0", "-")))
    assert run(order(tmp_path / "out", lines, block=1), Hand()).computed == 0
    assert content(tmp_path / "out") == whole


def test_a_block_of_bad_rows_alone_has_an_empty_part(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("\n\n\nx\n")
    summary = run(order(tmp_path / "out", file), Hand())
    assert (summary.rows, summary.bad) == (4, 3)
    assert np.load(tmp_path / "out/part-00000.npy").shape == (0, 4)
    assert np.concatenate([np.load(part) for part in sorted((tmp_path / "out").glob("*.npy"))]).shape == (1, 4)


def test_another_job_does_not_go_on_in_a_folder(tmp_path, lines):
    run(order(tmp_path / "out", lines), Hand())
    for changed, said in (
        ({"task": "text-classification", "form": "jsonl"}, 'task was "embedding" and is "text-classification"'),
        ({"options": {"dimensions": 2}}, 'options was {} and is {"dimensions":2}'),
        ({"block": 4}, "block_rows was 3 and is 4"),
    ):
        with pytest.raises(Failure) as failure:
            run(order(tmp_path / "out", lines, **changed), Hand())
        assert said in failure.value.what
        assert "rows apart" not in failure.value.what
    with pytest.raises(Failure, match='model was "a" and is "b"'):
        run(order(tmp_path / "out", lines), Hand(model="b"))
    gpu = "NVIDIA H100 80GB HBM3, packed, float16"
    with pytest.raises(Failure, match=f'arithmetic was "cpu avx2, native, float32" and is "{gpu}"'):
        run(order(tmp_path / "out", lines), Hand(arithmetic=gpu))
    before = lines.read_text()
    lines.write_text(before + '{"text": "more"}\n')
    with pytest.raises(Failure, match=f"had {len(before)} bytes and has {len(before) + 17}, with another content"):
        run(order(tmp_path / "out", lines), Hand())
    lines.write_text(before)
    assert run(order(tmp_path / "out", lines), Hand()).computed == 0


def test_rows_that_were_told_apart_in_another_way_are_looked_for_again(tmp_path, lines):
    """A folder of an earlier version goes on, unless it counted empty lines of a CSV."""
    table = tmp_path / "in" / "b.csv"
    table.write_text("text\na\n\nb\n")
    for file, rows, clash in ((lines, 11, False), (table, 3, True)):
        folder = tmp_path / file.stem
        run(order(folder, file), Hand())
        manifest = json.loads((folder / "manifest.json").read_text())
        del manifest["reading"], manifest["arithmetic"]
        if clash:
            manifest["inputs"][0]["survey"] |= {"rows": rows, "places": [5, 9]}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        if clash:
            with pytest.raises(Failure, match="had 3 rows and has 2, as this version tells rows apart"):
                run(order(folder, file), Hand())
        else:
            assert run(order(folder, file), Hand(arithmetic="another")).computed == 0


def test_inputs_that_change_while_they_are_read_end_the_run(tmp_path, lines):
    class Changing(Hand):
        def answers(self, task, bodies):
            os.utime(lines, ns=(1, 1))
            return super().answers(task, bodies)

    with pytest.raises(Failure, match="changed while it was read"):
        run(order(tmp_path / "out", lines), Changing())


def test_what_no_row_could_do_ends_before_the_first(tmp_path, lines):
    class Refusing(Hand):
        def ask(self, task, body):
            return Refused("unknown key 'poling'")

    for wrong, place, said in (
        (order(tmp_path / "1", lines, options={"poling": 1}), Refusing(), "unknown key 'poling'"),
        (order(tmp_path / "2", lines, columns={"inputs": "body"}), Hand(), "has no column body; it has: text, id"),
        (order(tmp_path / "3", lines, answer="id"), Hand(), "has a column id already"),
        (order(tmp_path / "4", lines, task="text-classification"), Hand(), "are no vectors"),
        (order(lines.parent, lines), Hand(), "is not empty and has no manifest.json"),
    ):
        with pytest.raises(Failure, match=said):
            run(wrong, place)
        assert not list(wrong.folder.glob("part-*"))


class Pairs(Hand):
    """`rerank`, of whose keys a row has two."""

    def ask(self, task, body):
        if unknown := body.keys() - {"query", "texts"}:
            return Refused(f"unknown key {unknown.pop()}")
        return [{"index": 0}] if isinstance(body["texts"], list) else Refused("texts is no list")


def test_of_several_columns_the_first_rows_are_tried(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [{"q": "a", "t": None}, {"q": "a", "t": ["b"]}, *[{"q": "a", "t": "b"}] * 20]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    two = {"task": "rerank", "columns": {"query": "q", "texts": "t"}}
    summary = run(order(tmp_path / "0", file, form="jsonl", **two), Pairs())
    assert (summary.rows, summary.bad) == (22, 21)
    with pytest.raises(Failure, match="are no vectors"):
        run(order(tmp_path / "1", file, **two), Pairs())
    with pytest.raises(Failure, match="rerank: unknown key text"):
        run(order(tmp_path / "2", file, form="jsonl", **two | {"columns": {"query": "q", "text": "t"}}), Pairs())
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[2:]))
    with pytest.raises(Failure, match="rerank: texts is no list") as failure:
        run(order(tmp_path / "3", file, form="jsonl", **two), Pairs())
    assert failure.value.fix == "another --task, --column or --option"
    assert not list(tmp_path.glob("[123]/part-*"))


def test_rows_are_tried_until_there_are_some(tmp_path):
    """Also behind a file and a block of which nothing can be used."""
    (tmp_path / "a.jsonl").write_text("\n" * 5)
    (tmp_path / "b.jsonl").write_text("x\n" * 4 + '{"q": "a", "t": ["b"]}\n')
    files = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    two = {"task": "rerank", "columns": {"query": "q", "texts": "t"}}
    with pytest.raises(Failure, match="are no vectors"):
        run(order(tmp_path / "out", *files, **two), Pairs())


def test_a_file_without_any_usable_line_costs_its_lines(tmp_path, lines):
    empty = tmp_path / "in" / "b.jsonl"
    empty.write_text("\n" * 4)
    summary = run(order(tmp_path / "out", lines, empty), Hand())
    assert (summary.rows, summary.bad, summary.parts) == (15, 6, 6)


def test_two_runs_do_not_share_a_folder(tmp_path, lines):
    with alone(tmp_path / "out"), pytest.raises(Failure, match="another run writes into"):
        run(order(tmp_path / "out", lines), Hand())


def test_answers_that_are_no_vectors(tmp_path, lines):
    run(order(tmp_path / "out", lines, task="text-classification", form="jsonl", answer="label"), Hand())
    row = json.loads((tmp_path / "out/part-00000.jsonl").read_text().splitlines()[1])
    assert row == {"text": "text 1", "id": 1, "label": [{"label": "t", "score": 0.06}]}
