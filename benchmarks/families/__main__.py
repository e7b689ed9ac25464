"""Families on `native` against BERT, transformers and OpenVINO: `python -m benchmarks.families [FAMILY ...]`.

Models of one shape with random weights, and texts of mixed lengths. All take the same texts, under a budget of tokens
and sorted by length, which transformers and OpenVINO pad. One thread each, whose processor time is taken in turns, so
that other work on the machine matters little. OpenVINO is compared before it is timed, and has a process of its own. Of
families for long texts there is also the memory that one of 8,192 tokens takes. Rows go into `families.json`, which is
written after each.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

from benchmarks.engine import length_sorted_batches
from benchmarks.families import memory, openvino
from benchmarks.families.models import FAMILIES, LONG, load, mixed, packed
from benchmarks.families.work import Work
from benchmarks.peers.record import Record
from handler.runtimes.base import WEIGHTS, Runtime
from handler.runtimes.eager import Eager
from handler.runtimes.native import Native
from handler.types import Encoding
from scripts.console import err, out
from scripts.load import machine, report

ROUNDS = 5
BERT = "Bert"
COLUMNS = {
    "model": "family",
    "gflops": "GFLOP/s",
    "to_bert": "rate to BERT's",
    "to_transformers": "to transformers",
    "to_openvino": "to OpenVINO",
    "openvino": "",
    "peak_mb": "peak at 8,192 tokens, MB",
    "to_arrays": "to arrays",
}
Run = Callable[[], float]
"""Seconds of one run over all texts."""


def timer(kind: type[Runtime], folder: Path, texts: Sequence[Encoding]) -> Run:
    """Of this thread."""
    engine = length_sorted_batches(load(kind, folder))

    def run() -> float:
        begin = thread_time()
        engine(texts)
        return thread_time() - begin

    return run


def in_turn(runs: Mapping[str, Run]) -> dict[str, list[float]]:
    """Seconds of each, round by round, after one that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(ROUNDS + 1):
        for name, run in runs.items():
            taken = run()
            if turn:
                found[name].append(taken)
    return found


def row(family: str, bert: Run, bert_flops: float) -> dict[str, Any]:
    """Everything about one family."""
    texts = mixed()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        saved, here = packed(family, Path(folder))
        flops = Work(here / WEIGHTS).flops([len(text) for text in texts])
        theirs, refused = openvino.start(stack, saved, texts)
        runs = {"bert": bert, "ours": timer(Native, here, texts), "transformers": timer(Eager, saved, texts), **theirs}
        found = in_turn(runs)
        rates = {"bert": bert_flops / flops, "transformers": 1.0, "openvino": 1.0}
        ratios = {f"to_{name}": ratio(found[name], found["ours"], rates[name]) for name in runs if name != "ours"}
        about = {"model": family, "gflops": round(flops / median(found["ours"]) / 1e9, 1)}
        return about | ratios | refused | (long(here) if family in LONG else {})


def ratio(theirs: Sequence[float], ours: Sequence[float], work: float) -> float:
    """How many times as fast ours is, where theirs has so many times its work; the median of the rounds' own."""
    return round(median(slow / fast for slow, fast in zip(theirs, ours, strict=True)) / work, 3)


def long(here: Path) -> dict[str, Any]:
    """The row's part on memory."""
    found = memory.measured(here)
    peak, arrays = found["peak_bytes"], found["arrays_bytes"]
    return {"peak_mb": round(peak / 1e6), "arrays_mb": round(arrays / 1e6), "to_arrays": round(peak / arrays, 2)}


def main(names: Sequence[str]) -> None:
    """A row for each family, each into the file as soon as it is there."""
    record = Record(machine.results() / "families.json", {"machine": machine.describe(), "rounds": ROUNDS})
    texts = mixed()
    with tempfile.TemporaryDirectory() as folder:
        _, here = packed(BERT, Path(folder))
        bert, flops = timer(Native, here, texts), Work(here / WEIGHTS).flops([len(text) for text in texts])
        for name in names or FAMILIES:
            err.print(name)
            record.put([row(name, bert, flops)])
    out.print(report.table(record.rows, COLUMNS))


if __name__ == "__main__":
    main(sys.argv[1:])
