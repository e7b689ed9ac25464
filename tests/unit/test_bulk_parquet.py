"""A run that reads or writes Parquet: types, schemas, and blocks of which nothing is left."""

import json

import pytest

from scripts.bulk.run import run
from tests.bulk.hand import Hand, order

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is an extra: scripts/setup bulk")
dataset, parquet = map(pytest.importorskip, ("pyarrow.dataset", "pyarrow.parquet"))


def test_parquet_has_one_schema_for_all_parts(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a", "n": null, "x": 1}\n{"text": "b", "n": 2, "x": "y"}\n{"text": "c", "z": [1]}\n')
    run(order(tmp_path / "out", file, form="parquet", block=1), Hand())
    parts = sorted((tmp_path / "out").glob("*.parquet"))
    assert len({parquet.read_schema(part).to_string() for part in parts}) == 1
    rows = dataset.dataset(parts).to_table().to_pylist()
    assert [(row["text"], row["n"], row["x"], row["z"]) for row in rows] == [
        ("a", None, "1", None), ("b", 2, '"y"', None), ("c", None, None, "[1]"),
    ]  # fmt: skip
    assert rows[0]["embedding"] == Hand().ask("embedding", {"inputs": "a"})[0].tolist()


def test_a_block_of_parquet_without_a_good_row_has_an_empty_part(tmp_path):
    table = pyarrow.table({"text": ["a"] * 3 + [None] * 3 + ["b", None, "c"], "id": range(9)})
    parquet.write_table(table, tmp_path / "a.parquet")
    run(order(tmp_path / "out", tmp_path / "a.parquet", form="parquet"), Hand())
    parts = [parquet.read_table(part) for part in sorted((tmp_path / "out").glob("*.parquet"))]
    assert [part.column("id").to_pylist() for part in parts] == [[0, 1, 2], [], [6, 8]]
    assert len({part.schema.to_string() for part in parts}) == 1
    together = parquet.read_table(sorted((tmp_path / "out").glob("part-*.parquet")))  # as docs/bulk.md has it
    assert together.column("id").to_pylist() == [0, 1, 2, 6, 8]


def test_parquet_of_types_that_pyarrow_knows_little_of(tmp_path):
    columns = {
        "text": pyarrow.array(["a", "", "c"], pyarrow.string_view()),
        "bytes": pyarrow.array([b"a", b"b", b"\xff"]),
        "when": pyarrow.array([0, 0, 1577836800123456789], pyarrow.timestamp("ns")),
        "hour": pyarrow.array([0, 0, 1001], pyarrow.time64("ns")),
        "long": pyarrow.array([0, 0, 1001], pyarrow.duration("ns")),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    for form in ("parquet", "jsonl"):
        run(order(tmp_path / form, tmp_path / "a.parquet", form=form), Hand())
    written = parquet.read_table(tmp_path / "parquet/part-00000.parquet")
    assert written.column("text").to_pylist() == ["a", "c"]
    assert written.schema.remove(5) == pyarrow.table(columns).schema
    row = json.loads((tmp_path / "jsonl/part-00000.jsonl").read_text().splitlines()[1])
    assert row.pop("embedding")
    assert row == {
        "text": "c", "bytes": "/w==", "when": "2020-01-01T00:00:00.123456789", "hour": "00:00:00.000001001",
        "long": "1001",
    }  # fmt: skip


def test_integers_stay_what_they_are(tmp_path):
    """Those that no double has, and those beyond 64 bits."""
    file = tmp_path / "a.jsonl"
    rows = [
        '{"text":"a","n":9007199254740993,"m":9007199254740993,"big":340282366920938463463374607431768211455}',
        '{"text":"b","n":1.5,"m":1,"big":[-9223372036854775809,18446744073709551615]}',
    ]
    file.write_text("\n".join(rows))
    for form in ("parquet", "jsonl"):
        run(order(tmp_path / form, file, form=form), Hand())
    kept = [
        line.partition(',"embedding"')[0] + "}"
        for line in (tmp_path / "jsonl/part-00000.jsonl").read_text().splitlines()
    ]
    assert kept == rows
    found = parquet.read_table(tmp_path / "parquet/part-00000.parquet").to_pydict()
    assert found["n"] == ["9007199254740993", "1.5"]
    assert found["m"] == [9007199254740993, 1]
    assert found["big"] == ["340282366920938463463374607431768211455", "[-9223372036854775809,18446744073709551615]"]


def test_parquet_keeps_the_types_of_parquet(tmp_path):
    table = pyarrow.table({"when": pyarrow.array([1, 2], pyarrow.timestamp("ns")), "text": ["a", None]})
    parquet.write_table(table, tmp_path / "a.parquet")
    run(order(tmp_path / "out", tmp_path / "a.parquet", form="parquet"), Hand())
    written = parquet.read_table(tmp_path / "out/part-00000.parquet")
    assert written.drop_columns("embedding").equals(table.slice(0, 1))
    assert json.loads((tmp_path / "out/bad-00000.jsonl").read_text())["reason"] == "the column text has no value"
