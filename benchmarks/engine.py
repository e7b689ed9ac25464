"""Engines in process, without server or client: `python -m benchmarks.engine`, into `benchmarks/results/engine.json`.

Every engine gets the same texts, already tokenized; padding is not counted as work. The machine's own matrix products
are timed in each round, since their rate is the ceiling.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

from benchmarks import machine, report, workload
from handler.batching import plan
from handler.call import Encoding
from handler.config import CHECKPOINT, cores
from handler.runtimes.base import Placement, Runtime
from handler.runtimes.eager import Eager
from handler.runtimes.packed import Packed
from handler.text import convert
from scripts import checkpoint as checkpoints
from scripts import pack, presets, pull
from scripts.console import err, out
from scripts.paths import ROOT

TEXTS, ROUNDS = 256, 5
BUDGET = 1024  # tokens of a packed batch, as archives have it
ARRIVAL = 32  # texts of a batch in arrival order

Engine = Callable[[Sequence[Encoding]], None]


def planned(runtime: Runtime) -> Engine:
    """By length, under the token budget."""

    def run(encodings: Sequence[Encoding]) -> None:
        for batch in plan(encodings, BUDGET, runtime.padded):
            runtime.run(batch.encodings)

    return run


def arriving(runtime: Runtime) -> Engine:
    """As they come, padded to the longest of 32: what a handler without this project's batching does."""

    def run(encodings: Sequence[Encoding]) -> None:
        for start in range(0, len(encodings), ARRIVAL):
            runtime.run(encodings[start : start + ARRIVAL])

    return run


def measure() -> dict[str, Any]:
    """All engines in turn, `ROUNDS` times; medians."""
    checkpoint = checkpoints.read(pull.pull(presets.DEFAULT))
    shape = workload.read_shape(checkpoint.config)
    with tempfile.TemporaryDirectory() as folder:
        pack.stage(checkpoint, Path(folder), "packed")
        packed = Packed(Path(folder) / CHECKPOINT, Placement("cpu", "float32"))
    eager = Eager(checkpoint.folder, Placement("cpu", "float32"))
    engines = {
        "packed": planned(packed),
        "transformers, by length": planned(eager),
        "transformers, arrival order": arriving(eager),
    }
    tokenizer = workload.read_tokenizer((checkpoint.folder / "tokenizer.json").read_text())
    made = workload.make("mixed", TEXTS, 0, tokenizer)
    encodings = [convert(encoding) for encoding in tokenizer.encode_batch(made.texts)]
    flops = shape.flops(made.tokens)
    torch.set_num_threads(cores())
    rates: dict[str, list[float]] = {name: [] for name in ("sgemm", *engines)}
    for turn in range(ROUNDS):
        err.print(f"round {turn + 1} of {ROUNDS}")
        rates["sgemm"].append(machine.sgemm(shape, cores()) / 1e9)
        for name, engine in engines.items():
            start = perf_counter()
            engine(encodings)
            rates[name].append(flops / (perf_counter() - start) / 1e9)
    ceiling = rates["sgemm"]
    rows = [
        {
            "name": name,
            "texts_per_second": round(median(values) * 1e9 / flops * TEXTS, 1),
            "useful_gflops": round(median(values), 1),
            "share_of_sgemm": round(median(value / top for value, top in zip(values, ceiling, strict=True)), 3),
        }
        for name, values in rates.items()
    ]
    return {"machine": machine.describe(), "workload": f"mixed, {TEXTS} texts, seed 0", "rounds": rates, "rows": rows}


if __name__ == "__main__":
    result = measure()
    report.save(result, ROOT / "benchmarks" / "results" / "engine.json")
    out.print(report.table(result["rows"]))
