"""Engines in turn on one core, by the processor time of one thread: a row for each cell, precision and engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.cells import Cell
from benchmarks.peers.models import Model
from benchmarks.peers.process import INSIDE, Ids, Worker, converted
from benchmarks.peers.record import Record, Row
from benchmarks.peers.worker import CONVERTED
from benchmarks.precisions import Peak
from scripts.console import err

PRECISIONS: Mapping[str, tuple[str, ...]] = {
    "float32": ("ours", "OpenVINO", "CTranslate2", "ONNX Runtime"),
    "bfloat16": ("ours", "OpenVINO"),
    "int8": ("ours", "OpenVINO", "CTranslate2", "ONNX Runtime"),
}
"""Engines of each precision; all but ours by the name of their library."""
BOUNDS = {"float32": 0.99999, "bfloat16": 0.999, "int8": 0.97}
"""The least cosine of an engine's vectors to those of transformers in float32; below, it is not timed."""
LEAST_SECONDS = 0.25
"""Processor time of a measurement."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An engine that may be timed, and how near its vectors are."""

    worker: Worker
    cosine: float


@contextmanager
def pinned() -> Iterator[None]:
    """Keep this process and all it starts to one core, the last, for so long."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def convert(model: Model, engines: Sequence[str]) -> None:
    """Have each engine write its own form of a model where that has not been done; a worker does so when it starts."""
    wanted = [(name, precision) for precision, names in PRECISIONS.items() for name in names if name in engines]
    for name, precision in wanted:
        if name not in INSIDE and not (converted(model, name, precision) / CONVERTED).exists():
            err.print(f"{model.name} for {name} in {precision}")
            with suppress(RuntimeError):  # said when it is to run
                Worker(name, precision, model).close()


def start(model: Model, engines: Sequence[str]) -> Iterator[Worker]:
    """Each engine in each precision, converted where it has not been; one that does not come up is left out."""
    for precision, names in PRECISIONS.items():
        for name in (each for each in names if each in engines):
            try:
                worker = Worker(name, precision, model)
            except RuntimeError as error:
                err.print(str(error))
                continue
            if worker.lacks:
                err.print(f"{name} in {precision}: {worker.lacks}")
                worker.close()
            else:
                yield worker


def least_cosine(found: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Over texts; NaN is as far as can be, and so are vectors of another model's width."""
    if found.shape != reference.shape:
        return -1.0
    return float(np.nan_to_num((found * reference).sum(1), nan=-1).min())


def measure(
    record: Record, model: Model, cells: Sequence[Cell], engines: Sequence[str], peaks: Mapping[str, Peak], rounds: int
) -> None:
    """Cells of one model, each into the record as soon as it is done."""
    with ExitStack() as stack:
        reference = stack.enter_context(Worker("transformers", "float32", model))
        workers = [stack.enter_context(worker) for worker in start(model, engines)]
        for cell in cells:
            err.print(f"{model.name}, {cell.name}")
            texts = model.ids(cell.kind, cell.texts)
            record.put(list(rows(model, cell, texts, reference.vectors(texts), workers, peaks, rounds)))


def rows(
    model: Model,
    cell: Cell,
    texts: Ids,
    reference: NDArray[np.float32],
    workers: Sequence[Worker],
    peaks: Mapping[str, Peak],
    rounds: int,
) -> Iterator[Row]:
    """Check all engines, then time those that passed, precision by precision."""
    flops = model.shape.flops([len(ids) for ids in texts])
    for precision in PRECISIONS:
        here = [worker for worker in workers if worker.precision == precision]
        entries = {worker.engine: Entry(worker, least_cosine(worker.vectors(texts), reference)) for worker in here}
        passed = {name: each for name, each in entries.items() if each.cosine >= BOUNDS[precision]}
        about = {"model": model.name, "cell": cell.name, "texts": len(texts), "precision": precision}
        runs = {name: timer(each.worker, texts, flops) for name, each in passed.items()}
        figures = summary(*in_turn(runs, peaks[precision], rounds)) if runs else {}
        for name, entry in entries.items():
            found = figures.get(name, {"refused": f"a cosine below {BOUNDS[precision]}"})
            yield about | {"engine": name, "least_cosine": round(entry.cosine, 6)} | found


def timer(worker: Worker, texts: Ids, flops: float) -> Callable[[], float]:
    """What measures an engine's FLOP/s; padding is no work."""
    return lambda: flops / worker.seconds(texts, LEAST_SECONDS)


def in_turn(
    runs: Mapping[str, Callable[[], float]], peak: Peak, rounds: int
) -> tuple[dict[str, list[float]], list[float]]:
    """FLOP/s of each, and of registers alone, round by round; each round begins with another engine."""
    names, rates, tops = list(runs), {name: list[float]() for name in runs}, []
    for turn in range(rounds):
        tops.append(peak())
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            rates[name].append(runs[name]())
    return rates, tops


def summary(rates: Mapping[str, Sequence[float]], tops: Sequence[float]) -> dict[str, dict[str, Any]]:
    """Medians over rounds: rate, share of the peak, and how many times as fast ours is."""
    ours = rates.get("ours")
    found: dict[str, dict[str, Any]] = {}
    for name, own in rates.items():
        found[name] = {
            "gflops": round(median(own) / 1e9, 1),
            "peak_gflops": round(median(tops) / 1e9, 1),
            "share_of_peak": round(ratio(own, tops), 3),
        }
        if ours and name != "ours":
            found[name]["ours_to_theirs"] = round(ratio(ours, own), 3)
    return found


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """Median of the rounds' own ratios."""
    return median(a / b for a, b in zip(these, those, strict=True))
