"""Engines in process, without server or client: `python -m benchmarks.engine`, into `engine.json`.

Every engine gets the same texts, already tokenized; padding is not counted as work. The machine's own matrix products
are timed just before each engine in each round, since their rate is the ceiling of engines that use them. Then, for the
default engine: whether a few long texts among many short ones cost more than both apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from handler import runtimes
from handler.batching import make_batches
from handler.config import CHECKPOINT, Dtype
from handler.cores import cores
from handler.runtimes.base import Placement, Runtime
from handler.text import convert
from handler.types import Encoding
from scripts.console import err, out
from scripts.load import machine, report, workload
from scripts.load.ceiling import PeakGemm
from scripts.packing import pack
from scripts.sources import checkpoint as checkpoints
from scripts.sources import presets, pull
from scripts.sources.checkpoint import Checkpoint

TEXTS, ROUNDS = 256, 9
BUDGET = 1024  # tokens of a batch, as archives have it
ARRIVAL = 32  # texts of a batch in arrival order
MANY_SHORT, FEW_LONG = (1000, 16), (10, 256)  # texts, tokens each

Engine = Callable[[Sequence[Encoding]], None]


def load(checkpoint: Checkpoint, name: str, dtype: Dtype = "float32") -> Runtime:
    """A runtime on what the packer makes for it, with all cores."""
    with tempfile.TemporaryDirectory() as folder:  # what is mapped stays when its name is gone
        pack.stage(checkpoint, Path(folder), name, dtype)
        runtime = runtimes.find(name)(Path(folder) / CHECKPOINT, Placement("cpu", dtype))
        runtime.use_threads(cores())
    return runtime


def length_sorted_batches(runtime: Runtime, budget: int = BUDGET) -> Engine:
    """By length, under a token budget, as the pipeline does."""

    def run(encodings: Sequence[Encoding]) -> None:
        for batch in make_batches(encodings, budget, runtime.padded):
            runtime.run(batch.encodings)

    return run


def fixed_size_batches(runtime: Runtime, size: int = ARRIVAL) -> Engine:
    """As they come, padded to the longest of `size`: what a handler without this project's batching does."""

    def run(encodings: Sequence[Encoding]) -> None:
        for start in range(0, len(encodings), size):
            runtime.run(encodings[start : start + size])

    return run


def seconds(engine: Engine, encodings: Sequence[Encoding]) -> float:
    """One run; outputs are on the host when it ends, so there is nothing to wait for, on a GPU either."""
    start = perf_counter()
    engine(encodings)
    return perf_counter() - start


def rates(
    engines: dict[str, Engine], encodings: Sequence[Encoding], flops: float, ceiling: PeakGemm
) -> dict[str, list[float]]:
    """Useful GFLOP/s of each engine, and those of matrix products just before it, in turn."""
    found: dict[str, list[float]] = {name: [] for engine in engines for name in (f"sgemm before {engine}", engine)}
    for turn in range(ROUNDS):
        err.print(f"round {turn + 1} of {ROUNDS}")
        for name, engine in engines.items():
            found[f"sgemm before {name}"].append(ceiling.measure() / 1e9)
            found[name].append(flops / seconds(engine, encodings) / 1e9)
    return found


def summary(found: dict[str, list[float]], flops_per_text: float) -> list[dict[str, Any]]:
    """Medians; the share is the median over rounds of an engine's rate to that of the products just before it."""
    ceilings = {name: found[f"sgemm before {name}"] for name in found if f"sgemm before {name}" in found}
    return [
        {
            "name": name,
            "texts_per_second": round(median(found[name]) * 1e9 / flops_per_text, 1),
            "useful_gflops": round(median(found[name]), 1),
            "share_of_sgemm": round(median(rate / top for rate, top in zip(found[name], tops, strict=True)), 3),
        }
        for name, tops in ceilings.items()
    ]


def mixed_length_overhead(engine: Engine, encode: Callable[[str, int], list[Encoding]]) -> dict[str, float]:
    """Seconds for many short texts, for a few long ones, and for all of them together; medians over rounds."""
    short, long = (encode(str(tokens), count) for count, tokens in (MANY_SHORT, FEW_LONG))
    sets = {"short": short, "long": long, "together": [*long, *short]}
    taken: dict[str, list[float]] = {name: [] for name in sets}
    for _ in range(ROUNDS):
        for name, encodings in sets.items():
            taken[name].append(seconds(engine, encodings))
    found = {name: round(median(times), 3) for name, times in taken.items()}
    turns = zip(taken["short"], taken["long"], taken["together"], strict=True)
    return found | {"together_to_apart": round(median(both / (short + long) for short, long, both in turns), 3)}


def measure() -> dict[str, Any]:
    """All engines in turn, `ROUNDS` times; medians."""
    checkpoint = checkpoints.read(pull.pull(presets.DEFAULT))
    shape = workload.read_shape(checkpoint.config)
    eager, native = load(checkpoint, "eager"), load(checkpoint, "native")
    engines = {
        "native": length_sorted_batches(native),
        "native, int8": length_sorted_batches(load(checkpoint, "native", "int8")),
        "onnx": length_sorted_batches(load(checkpoint, "onnx")),
        "onnx, int8": length_sorted_batches(load(checkpoint, "onnx", "int8")),
        "packed": length_sorted_batches(load(checkpoint, "packed")),
        **(
            {"packed, bfloat16": length_sorted_batches(load(checkpoint, "packed", "bfloat16"))}
            if runtimes.cpu_supports_bfloat16()
            else {}
        ),
        "torchscript": length_sorted_batches(load(checkpoint, "torchscript")),
        "transformers, by length": length_sorted_batches(eager),
        "transformers, arrival order": fixed_size_batches(eager),
    }
    tokenizer = workload.read_tokenizer((checkpoint.folder / "tokenizer.json").read_text())

    def encode(name: str, count: int) -> list[Encoding]:
        texts = workload.make(name, count, 0, tokenizer).texts
        return [convert(encoding) for encoding in tokenizer.encode_batch(texts)]

    mixed = encode("mixed", TEXTS)
    flops, ceiling = shape.flops([len(each) for each in mixed]), PeakGemm(shape)
    found = rates(engines, mixed, flops, ceiling)
    return {
        "machine": machine.describe(),
        "workload": f"mixed, {TEXTS} texts, seed 0",
        "sgemm_libraries": ceiling.won,
        "rounds": found,
        "rows": summary(found, flops / TEXTS),
        "mixture_seconds": mixed_length_overhead(length_sorted_batches(native), encode),
    }


if __name__ == "__main__":
    result = measure()
    report.save(result, machine.results() / "engine.json")
    out.print(report.table(result["rows"]))
    out.print(result["mixture_seconds"])
