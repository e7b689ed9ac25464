"""Rows of files: every format cut into blocks anywhere, and rows that cannot be used."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from scripts.bulk import delimited, formats, inputs, progress
from scripts.bulk.columns import union
from scripts.bulk.inputs import Input
from scripts.bulk.lines import LONGEST
from scripts.bulk.writers import json_line
from scripts.console import Failure

OUT = Path("out")


def blocks(path, size):
    """Every block's rows by number, and bad rows by number."""
    survey = formats.of(path).survey(path, size)
    good, bad = {}, {}
    for index, place in enumerate(survey.places):
        first = index * size + 1
        content = formats.of(path).read(path, place, first, min(size, survey.rows - first + 1))
        good |= dict(zip(content.rows, content.records(), strict=True))
        bad |= {each.row: each.reason for each in content.bad}
    assert sorted([*good, *bad]) == list(range(1, survey.rows + 1))
    return good, bad


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_blocks_of_lines_hold_every_row_once(tmp_path, size):
    file = tmp_path / "a.txt"
    file.write_bytes("\ufefffirst\r\n\nü\u2028same line\n".encode() + b"\xff\xfe\nlast without an end")
    good, bad = blocks(file, size)
    assert good == {
        n: {"text": text} for n, text in {1: "first", 2: "", 3: "ü\u2028same line", 5: "last without an end"}.items()
    }
    assert bad == {4: "not UTF-8: byte 1 of the line"}


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_blocks_of_csv_are_cut_between_rows_and_not_within_cells(tmp_path, size):
    file = tmp_path / "a.csv"
    rows = [["1", "one"], ["2", 'with "quotes",\nand\n\nlines'], ["3", ""], ["4", "é"], ["5", "end"]]
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([["id", "text"], *rows])
    good, bad = blocks(file, size)
    assert [list(row.values()) for row in good.values()] == rows
    assert not bad


def test_a_broken_row_of_a_csv_costs_that_row(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b'id,text\n1,a\n2,a,b\n3,"a"b\n\n4,\xff\n5,e\n')
    good, bad = blocks(file, 2)
    assert [row["id"] for row in good.values()] == ["1", "5"]
    assert bad[2] == "3 cells, and the header has 2"
    assert bad[3].startswith("not CSV: ")
    assert bad[4] == "not UTF-8: byte 3 of the line"


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_quote_that_nobody_closes_costs_its_line(tmp_path, size):
    file = tmp_path / "a.csv"
    rows = "".join(f"{n},text {n}\n" for n in range(50))
    file.write_text(f'id,text\n{rows}x,"never closed\n{rows}y,"cell\nof two"\nz,"nor this\n{rows}')
    good, bad = blocks(file, size)
    assert list(bad) == [51, 103]
    assert bad[51].startswith("not CSV: ")
    assert "51 lines further on" in bad[51]
    assert "unexpected end of data, 50 lines further on" in bad[103]
    assert len(good) == 151
    assert good[102] == {"id": "y", "text": "cell\nof two"}


def test_rows_of_a_csv_do_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "LONGEST", 100)
    file = tmp_path / "a.csv"
    file.write_text('id,text\n1,"open\n' + "2,a\n" * 100)
    good, bad = blocks(file, 10)
    assert (list(bad), len(good)) == ([1], 100)
    assert "longer than" in bad[1]


@pytest.mark.parametrize(
    ("name", "sign", "single"),
    [("a.csv", ";", False), ("a.csv", "\t", False), ("a.tsv", "\t", False), ("a.csv", ";", True)],
)
def test_the_header_shows_the_delimiter(tmp_path, name, sign, single):
    file = tmp_path / name
    rows = [{"text": "a, b"}] if single else [{"text": "a, b", "id": "1"}, {"text": 'c"\n' + sign, "id": "2"}]
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), delimiter="," if single else sign)
        writer.writeheader()
        writer.writerows(rows)
    assert list(blocks(file, 1)[0].values()) == rows


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("content", [b"id,text\n\n1,a\n\r\n\n2,\n3,c\n\n", b"\nid,text\n1,a\n2,\n\n\n3,c"])
def test_empty_lines_of_a_csv_are_no_rows(tmp_path, content, size):
    """As Python's `csv.DictReader` has it."""
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    good, bad = blocks(file, size)
    assert list(good.values()) == list(csv.DictReader(content.decode().strip().splitlines()))
    assert (list(good), bad) == ([1, 2, 3], {})


def test_a_header_has_no_name_twice(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("text,text\n")
    with pytest.raises(Failure, match="column text twice"):
        blocks(file, 1)


def test_lines_that_are_no_objects_are_bad(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a"}\n[1]\n{"text": \n\n{"text": "\\ud800"}\n{"text": "b", "n": [1, {"x": null}]}')
    good, bad = blocks(file, 2)
    assert good == {1: {"text": "a"}, 6: {"text": "b", "n": [1, {"x": None}]}}
    assert set(bad) == {2, 3, 4, 5}
    assert bad[2] == "a list, not an object"
    assert bad[3] == "not JSON: it ends too early"
    assert bad[4] == "the line is empty"


def test_a_line_that_is_too_long_costs_itself(tmp_path):
    file = tmp_path / "a.txt"
    longest = b"a" * (LONGEST - 1) + b"\n"
    file.write_bytes(b"x" * (2 * LONGEST + 5) + b"\n" + longest + b"b" * LONGEST + b"\nend")
    good, bad = blocks(file, 1)
    assert bad == {1: "longer than 16 MiB", 3: "longer than 16 MiB"}
    assert good[2]["text"] == longest.decode().rstrip()
    assert good[4] == {"text": "end"}


def test_one_kind_for_a_column_of_all_files(tmp_path):
    for name, lines in {
        "a": ['{"n": 1, "m": null}', '{"n": 2.5, "b": true, "i": 1}'],
        "b": ['{"m": "x", "b": 1, "i": 0.5}', '{"big": 1e400}'],
    }.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    (tmp_path / "c.jsonl").write_text(f'{{"n": {2**63 - 1}, "u": {2**63}, "long": {2**53 + 1}, "m": "y"}}')
    kinds = union(formats.of(path).survey(path, 1).kinds for path in sorted(tmp_path.iterdir()))
    assert kinds == {"n": "json", "i": "number", "m": "text", "b": "json", "u": "json", "long": "long"}


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_parquet_is_read_from_any_row(tmp_path, size):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is an extra: scripts/setup bulk")
    from pyarrow import parquet

    table = arrow.table({"text": [f"t{n}" for n in range(11)], "n": range(11)})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    good, bad = blocks(tmp_path / "a.parquet", size)
    assert list(good.values()) == table.to_pylist()
    assert not bad


def test_files_are_found_in_order_and_once(tmp_path):
    for name in ("b.txt", "a.CSV", "sub/c.jsonl", "no.md", ".hidden.txt", ".git/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n")
    assert [path.name for path in inputs.find([str(tmp_path)], OUT)] == ["a.CSV", "b.txt", "c.jsonl"]
    assert [path.name for path in inputs.find([str(tmp_path / "**/*.jsonl")], OUT)] == ["c.jsonl"]
    with pytest.raises(Failure, match="names no file"):
        inputs.find([str(tmp_path / "*.parquet")], OUT)
    with pytest.raises(Failure, match="twice"):
        inputs.find([str(tmp_path), str(tmp_path / "b.txt")], OUT)
    with pytest.raises(Failure, match="ends in none"):
        inputs.look(tmp_path / "no.md", 1, {})


def test_results_among_the_inputs_are_none(tmp_path):
    """However often a run is called again."""
    for name in ("a.jsonl", "out/part-00000.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    for named in (tmp_path, tmp_path / "**/*.jsonl"):
        assert [path.name for path in inputs.find([str(named)], tmp_path / "out")] == ["a.jsonl"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv.gz", gzip.compress(b"text\n", mtime=0), "unpack it first"),
        ("a.csv", "text,id\n".encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
        ("a.txt", "text\n".encode("utf-16-be").replace(b"", b"\xfe\xff", 1), "iconv -f UTF-16 -t UTF-8"),
        ("a.csv", "täxt,id\n".encode("latin-1"), "in UTF-8"),
    ],
)
def test_what_helps_is_said(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Failure) as caught:
        inputs.look(tmp_path / name, 1, {})
    assert said in caught.value.fix


def test_no_parquet_names_a_column_twice(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is an extra: scripts/setup bulk")
    from pyarrow import parquet

    parquet.write_table(arrow.table([["a"], ["b"]], names=["text", "text"]), tmp_path / "a.parquet")
    with pytest.raises(Failure, match="column text twice"):
        inputs.look(tmp_path / "a.parquet", 1, {})


def test_a_file_with_another_time_is_known_by_its_content(tmp_path):
    import os

    file = tmp_path / "a.txt"
    file.write_text("x\n")
    first = inputs.look(file, 1, {})
    os.utime(file, ns=(1, 1))
    again = inputs.look(file, 1, {str(file): first})
    assert (again.mtime_ns, again.sha256) == (1, first.sha256)
    assert isinstance(again, Input)


@pytest.mark.parametrize("block", [1, 3, 100])
def test_progress_is_told_each_byte_once(tmp_path, block):
    """Of files that were looked through and of one that is known; the bytes of an empty file, too, which has none."""
    names = {"a.txt": "x\nyy\nzzz\n\n", "b.csv": "\ufeffid,text\n1,a\n\n2,b\n", "c.jsonl": '{"text": "a"}', "d.txt": ""}
    for name, text in names.items():
        (tmp_path / name).write_text(text)
        known = {}
        for _ in range(2):
            told = []
            known = {str(tmp_path / name): inputs.look(tmp_path / name, block, known, told.append)}
            assert sum(told) == (tmp_path / name).stat().st_size


def test_a_log_says_nothing_of_a_rate_that_is_none(monkeypatch, capsys):
    """A large file has its digest taken before its first byte is told."""
    said = []
    monkeypatch.setattr(progress, "SECONDS", 0)
    monkeypatch.setattr(progress.err, "print", said.append)
    with progress.Log(0, 100, "bytes") as log:
        log.advance(0)
        assert not said
        log.advance(50)
    assert said[0].startswith("50 of 100 bytes, ")


def test_lines_of_json_take_what_parquet_holds():
    import datetime

    import numpy as np

    line = json_line({"day": datetime.date(2026, 1, 2), "bytes": b"a", "v": np.float32([0.5])})
    assert json.loads(line) == {"day": "2026-01-02", "bytes": "YQ==", "v": [0.5]}
