"""Part `rates`: the engine alone, without TorchServe.

For each shape and length the `packed` runtime in 16 bits, and transformers with SDPA: padded in order of arrival,
padded by length, and compiled. Times are of whole calls: token ids from the host, a vector per text back to it. Padding
is not counted as work. The share is of this device's own product of two large matrices of the same dtype.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch

from benchmarks.gpu import host, models
from benchmarks.gpu.context import Context
from benchmarks.gpu.engines import (
    COMPILED_LENGTH,
    PADDED,
    Engine,
    compiled,
    fixed_size_batches,
    length_sorted_batches,
    read,
    sample,
    seconds,
)
from benchmarks.gpu.sizes import Model
from handler.config import CHECKPOINT, Dtype
from handler.runtimes.base import Placement, Runtime
from handler.runtimes.eager import Eager
from handler.runtimes.packed import Packed
from handler.types import Encoding
from scripts.packing import pack
from scripts.packing.exports.measure import sequence
from scripts.sources import checkpoint as checkpoints


def run(context: Context) -> None:
    """Shapes in turn; what has to be compiled, which takes longest, comes last."""
    dtype: Dtype = "bfloat16" if context.gpu else "float32"
    ceiling = host.peak(context.device, dtype, context.sizes.square)
    for name, model in context.sizes.shapes.items():
        if not context.late("rate", model=name):
            with tempfile.TemporaryDirectory() as temporary:
                shape(context, name, model, Path(temporary), dtype, ceiling)
    for name, model in context.sizes.shapes.items():
        if not context.late("compiled", model=name):
            with tempfile.TemporaryDirectory() as temporary:
                compare(context, name, model, Path(temporary), dtype, ceiling)


def shape(context: Context, name: str, model: Model, folder: Path, dtype: Dtype, ceiling: float) -> None:
    """All lengths of one shape, a few texts alone, and the other dtype of 16 bits."""
    packed, eager = load(model, folder, Placement(context.device, dtype))
    for title, length in context.sizes.lengths.items():
        texts = sample(length, context.sizes.tokens, model)
        about = {"model": name, "workload": title, "dtype": dtype}
        measure(context, engines(context, packed, eager), texts, model, about, ceiling)
    alone(context, packed, name, dtype)
    if context.gpu:
        other = Packed(folder / "packed" / CHECKPOINT, Placement(context.device, "float16"))
        texts, about = sample(COMPILED_LENGTH, context.sizes.tokens, model), {"model": name, "dtype": "float16"}
        about["workload"] = str(COMPILED_LENGTH)
        measure(
            context,
            {"packed": length_sorted_batches(other, context.sizes.budgets[-1])},
            texts,
            model,
            about,
            ceiling,
            "float16",
        )


def compare(context: Context, name: str, model: Model, folder: Path, dtype: Dtype, ceiling: float) -> None:
    """With the compiled model of transformers, at one length."""
    packed, eager = load(model, folder, Placement(context.device, dtype))
    length = min(COMPILED_LENGTH, model.positions)
    both = {
        "packed": length_sorted_batches(packed, context.sizes.budgets[-1]),
        "transformers, compiled": compiled(eager),
    }
    about = {"model": name, "workload": str(length), "dtype": dtype}
    measure(context, both, sample(length, context.sizes.tokens, model), model, about, ceiling, "compiled")


def load(model: Model, folder: Path, placement: Placement) -> tuple[Packed, Eager]:
    """Both runtimes on one checkpoint."""
    checkpoint = checkpoints.read(models.save(folder / "checkpoint", model))
    for name in ("packed", "eager"):
        (folder / name).mkdir()
        pack.stage(checkpoint, folder / name, name)
    packed = Packed(folder / "packed" / CHECKPOINT, placement)
    return packed, Eager(folder / "eager" / CHECKPOINT, placement)


def engines(context: Context, packed: Runtime, eager: Runtime) -> dict[str, Engine]:
    """What is timed, by name."""
    found = {f"packed, {budget} tokens": length_sorted_batches(packed, budget) for budget in context.sizes.budgets}
    found["transformers, by length"] = length_sorted_batches(eager, PADDED)
    found["transformers, arrival order"] = fixed_size_batches(eager)
    return found


def measure(
    context: Context,
    engines: dict[str, Engine],
    encodings: list[Encoding],
    model: Model,
    about: dict[str, str],
    ceiling: float,
    kind: str = "rate",
) -> None:
    """One row per engine: medians over rounds after one that warms up; engines take turns."""
    lengths = [len(encoding) for encoding in encodings]
    taken: dict[str, list[float]] = {}
    for turn in range(context.sizes.rounds + 1):
        for name, engine in engines.items():
            if context.left < 0 or (turn and name not in taken):  # it failed
                continue
            try:
                spent = seconds(engine, encodings)
            except Exception as error:  # of any library; the other engines go on
                context.add(kind, **about, name=name, failed=f"{type(error).__name__}: {error}"[:500])
                continue
            taken.setdefault(name, [])
            taken[name] += [spent] if turn else []
    flops = model.shape.flops(lengths)
    for name, times in taken.items():
        if times:
            rate = {"tokens_per_second": round(sum(lengths) / median(times)), "tflops": flops / median(times) / 1e12}
            share = round(flops / median(times) / ceiling, 3)
            context.add(kind, **about, name=name, **rate, share_of_peak=share, gib=memory(context))


def alone(context: Context, packed: Runtime, name: str, dtype: Dtype) -> None:
    """Milliseconds of one short text and of few, with CUDA graphs and without."""
    for count in (1, 8):
        encodings = [sequence(random.Random(0), 100, 16) for _ in range(count)]
        rows = {"ms": latency(packed, encodings)}
        if isinstance(packed, Packed) and packed.graphs:
            graphs, packed.graphs = packed.graphs, None
            rows["ms_without_graphs"] = latency(packed, encodings)
            packed.graphs = graphs
        context.add("alone", model=name, dtype=dtype, texts=count, tokens=16, **rows)


def latency(runtime: Runtime, encodings: Sequence[Encoding]) -> float:
    """Median milliseconds from ids to vectors."""
    times = [seconds(lambda texts: read(runtime, texts)(), encodings) for _ in range(30)]
    return round(1000 * median(times[5:]), 3)


def memory(context: Context) -> float:
    """GiB that torch has held at most."""
    return round(torch.cuda.max_memory_reserved(context.device) / (1 << 30), 2) if context.gpu else 0.0
