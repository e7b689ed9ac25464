"""The dtypes of `native` against float32 and the CPU's peak: `python -m benchmarks.precisions`, into `precisions.json`.

One thread, in turn, by its processor time, which others on the machine disturb least. The CPU's peak is what a core
multiplies and adds in registers, each dtype with the kernels' own instruction, measured before each run of that dtype.
"""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from benchmarks.engine import Engine, length_sorted_batches, load
from handler import kernels
from handler.config import Dtype
from handler.runtimes.native import Native
from handler.text import convert
from handler.types import Encoding
from scripts.console import err, out
from scripts.load import machine, report, workload
from scripts.packing.kernels import TARGETS, compile_one
from scripts.paths import ROOT
from scripts.sources import checkpoint as checkpoints
from scripts.sources import presets, pull

ROUNDS = 9
CELLS = {"mixed": ("mixed", 64), "128 tokens": ("128", 8), "512 tokens": ("512", 2)} | {
    f"one of {tokens}": (tokens, 1) for tokens in ("27", "128")
}
"""Workloads and numbers of texts."""
STEPS = 1_000_000
FACTORS = {"float32": 1, "bfloat16": 2, "int8": 4}
"""Values that one instruction multiplies for each sum."""
Peak = Callable[[], float]


def peaks() -> dict[str, Peak]:
    """What measures a core's FLOP/s in registers, by dtype."""
    level = kernels.detect_isa()
    if level is None:
        raise SystemExit("this CPU has no kernels")
    with tempfile.TemporaryDirectory() as folder:
        compile_one(TARGETS[level], Path(folder) / "peaks.so", ROOT / "benchmarks" / "peaks.c")
        library = ctypes.CDLL(str(Path(folder) / "peaks.so"))

    def peak(dtype: str) -> float:
        start = process_time()
        getattr(library, f"peak_{dtype}")(ctypes.c_long(STEPS))
        return float(library.operations() * FACTORS[dtype] * STEPS / (process_time() - start))

    return {dtype: lambda dtype=dtype: peak(dtype) for dtype in FACTORS}  # type: ignore[misc]


def engines() -> dict[str, Engine]:
    """`native` in each dtype that it has here."""
    checkpoint = checkpoints.read(pull.pull(presets.DEFAULT))
    found: dict[str, Engine] = {}
    dtypes: tuple[Dtype, ...] = Native.placements["cpu"]
    for dtype in filter(Native.is_supported, dtypes):
        runtime = load(checkpoint, "native", dtype)
        runtime.use_threads(1)
        found[dtype] = length_sorted_batches(runtime)
    return found


def cell(
    encodings: list[Encoding], flops: float, engines: Mapping[str, Engine], peaks: Mapping[str, Peak]
) -> dict[str, Any]:
    """Medians over rounds: each engine's rate to that of float32, and its share of the peak where it has one."""
    repeats = max(1, round(512 / sum(map(len, encodings))))
    rates: dict[str, list[float]] = {name: [] for name in engines}
    tops: dict[str, list[float]] = {name: [] for name in engines if name in peaks}
    for _ in range(ROUNDS):
        for name, run in engines.items():
            if name in peaks:
                tops[name].append(peaks[name]())
            start = process_time()
            for _ in range(repeats):
                run(encodings)
            rates[name].append(flops * repeats / (process_time() - start))
    ratios = {name: median(a / b for a, b in zip(rates[name], rates["float32"], strict=True)) for name in rates}
    shares = {f"{name}, share": median(a / b for a, b in zip(rates[name], tops[name], strict=True)) for name in tops}
    figures = {key: round(value, 3) for key, value in (ratios | shares).items()}
    return figures | {f"{name}, peak GFLOP/s": round(median(tops[name]) / 1e9) for name in tops}


def measure(engines: Mapping[str, Engine]) -> list[dict[str, Any]]:
    """A row for each of `CELLS`."""
    checkpoint = checkpoints.read(pull.pull(presets.DEFAULT))
    shape = workload.read_shape(checkpoint.config)
    tokenizer = workload.read_tokenizer((checkpoint.folder / "tokenizer.json").read_text())
    limits, rows = peaks(), []
    for name, (kind, count) in CELLS.items():
        err.print(name)
        texts = workload.make(kind, count, 0, tokenizer).texts
        encodings = [convert(encoding) for encoding in tokenizer.encode_batch(texts)]
        flops = shape.flops([len(each) for each in encodings])
        rows.append({"name": name} | cell(encodings, flops, engines, limits))
    return rows


if __name__ == "__main__":
    result = measure(engines())
    about = {"machine": machine.describe(), "rounds": ROUNDS, "threads": 1}
    report.save(about | {"rows": result}, machine.results() / "precisions.json")
    for row in result:
        out.print(row)
