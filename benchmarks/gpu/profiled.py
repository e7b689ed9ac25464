"""Part `profile`: which kernels a forward pass spends its time in, so that what to mend can be seen afterwards."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu import engines, rates
from benchmarks.gpu.context import Context
from handler.runtimes.base import Placement, Runtime
from scripts.packing.exports.measure import sequence

TOKENS, LENGTH, STEPS, SHOWN = 1 << 14, 128, 5, 30
FILE = "profile.txt"


def run(context: Context) -> None:
    """Full batches of 128 tokens, and one lone text."""
    model = context.sizes.shapes[context.sizes.profiled]
    placement = Placement(context.device, "bfloat16" if context.gpu else "float32")
    with tempfile.TemporaryDirectory() as temporary:
        packed, _ = rates.load(model, Path(temporary), placement)
    length = min(LENGTH, model.positions)
    for name, count in {"full": max(1, min(TOKENS, context.sizes.tokens) // length), "alone": 1}.items():
        if context.late("kernel", batch=name):
            continue
        step(context, packed, name, count, length, model.vocabulary)


def step(context: Context, packed: Runtime, name: str, count: int, length: int, vocabulary: int) -> None:
    """Rows by falling share of the time, and the profiler's own table into a file."""
    encodings = [sequence(random.Random(number), vocabulary, length) for number in range(count)]
    for _ in range(3):
        engines.read(packed, encodings)()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if context.gpu else [])]
    with profile(activities=activities) as profiler:
        for _ in range(STEPS):
            engines.read(packed, encodings)()
        if context.gpu:
            torch.cuda.synchronize()
    averages = profiler.key_averages()
    key = "self_device_time_total" if context.gpu else "self_cpu_time_total"
    rows = sorted(averages, key=lambda row: -getattr(row, key))
    whole = sum(getattr(row, key) for row in rows) or 1
    for row in rows[:SHOWN]:
        spent: Any = getattr(row, key)
        context.add(
            "kernel", batch=name, name=row.key[:120], calls=row.count, us=round(spent / STEPS, 1), share=spent / whole
        )
    with (context.folder / FILE).open("a") as file:
        file.write(f"{name}: {count} texts of {length} tokens, {STEPS} passes\n")
        file.write(averages.table(sort_by=key, row_limit=SHOWN, max_name_column_width=80) + "\n")
