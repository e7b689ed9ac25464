"""Families on the `native` runtime against transformers: `python -m benchmarks.families [FAMILY ...]`, as a table.

Models of one shape with random weights, and sequences of mixed lengths. Both take the same batches, under a budget of
tokens and sorted by length, which transformers pads. One thread each, whose processor time is taken in turns, so that
other work on the machine matters little. Then one sequence of 8,192 tokens, in a process of its own: how far its peak
memory rises over that of a short one, and what the arrays between layers take of that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from ctypes import addressof
from pathlib import Path
from statistics import median
from time import thread_time

import numpy as np

from benchmarks.engine import length_sorted_batches
from benchmarks.gpu import models
from benchmarks.gpu.sizes import Model
from handler.runtimes.base import Placement, Runtime
from handler.runtimes.eager import Eager
from handler.runtimes.native import Native
from handler.types import Encoding
from scripts.console import out
from scripts.packing import engines
from scripts.sources import checkpoint as checkpoints

FAMILIES = (
    *("Bert", "ModernBert", "Gte", "NomicBert", "JinaEmbeddingsV3", "EuroBert", "RoFormer", "RemBert"),
    *("Data2VecText", "RobertaPreLayerNorm", "XLMRobertaXL", "MegatronBert"),
)
LONG = ("ModernBert", "Gte", "NomicBert", "JinaEmbeddingsV3", "EuroBert")
"""Families for texts that long."""
SHAPE = Model(layers=6, hidden=384, heads=12, intermediate_size=1536, vocabulary=8000, positions=512)
SEQUENCES, ROUNDS, TOKENS = 64, 7, 8192
HERE = "--peak"


def sequence(length: int) -> Encoding:
    """Of equal tokens, as no product asks which they are."""
    return Encoding([7] * length, [0] * length, [0] * length, [(0, 0)] * length)


def mixed() -> list[Encoding]:
    """Lengths as of texts: most are short, some are long."""
    lengths = np.random.default_rng(0).lognormal(3.2, 0.9, SEQUENCES)
    return [sequence(int(length)) for length in lengths.clip(3, SHAPE.positions - 2)]


def packed(family: str, folder: Path) -> tuple[Path, Path]:
    """One model as transformers loads it, and as we do."""
    saved, here = models.save(folder / "saved", SHAPE, family), folder / "packed"
    here.mkdir()
    engines.write(checkpoints.read(saved), here, "native", "float32")
    return saved, here


def load(kind: type[Runtime], folder: Path) -> Runtime:
    """With one thread."""
    runtime = kind(folder, Placement("cpu", "float32"))
    runtime.use_threads(1)
    return runtime


def seconds(run: Callable[[Sequence[Encoding]], None], some: Sequence[Encoding]) -> float:
    """Of this thread."""
    begin = thread_time()
    run(some)
    return thread_time() - begin


def speed(saved: Path, here: Path) -> float:
    """How many times as fast as transformers; the median of rounds, after one that is not counted."""
    theirs, ours = length_sorted_batches(load(Eager, saved)), length_sorted_batches(load(Native, here))
    some = mixed()
    ratios = [seconds(theirs, some) / seconds(ours, some) for _ in range(ROUNDS + 1)]
    return median(ratios[1:])


def peak(here: Path) -> dict[str, int]:
    """Bytes of this process: what a sequence of `TOKENS` added to its peak, and what lies between layers of that."""
    ours = load(Native, here)
    assert isinstance(ours, Native)
    ours.run([sequence(64)])
    before = highest()
    ours.run([sequence(TOKENS)])
    scratch = 4 * ours.scratch(addressof(ours.model), TOKENS)
    arrays = (sum(ours.workspace.widths) + 4 * SHAPE.hidden) * TOKENS + scratch
    return {"added": highest() - before, "arrays": arrays}


def highest() -> int:
    """Bytes that this process has had at most."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def main(names: Sequence[str]) -> None:
    """Print a row for each family."""
    out.print("| family | times as fast as transformers | peak at 8,192 tokens, MB | arrays between layers, MB | |")
    out.print("|---|---|---|---|---|")
    for name in names or FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            saved, here = packed(name, Path(folder))
            row = [name, f"{speed(saved, here):.2f}", *(memory(here) if name in LONG else ("", "", ""))]
        out.print(f"| {' | '.join(row)} |")


def memory(here: Path) -> list[str]:
    """The row's part on memory."""
    ran = subprocess.run([sys.executable, "-m", __spec__.name, HERE, here], check=True, stdout=subprocess.PIPE)
    found = json.loads(ran.stdout.splitlines()[-1])
    added, arrays = found["added"], found["arrays"]
    return [f"{added / 1e6:.0f}", f"{arrays / 1e6:.0f}", f"{added / arrays:.2f}"]


if __name__ == "__main__":
    if sys.argv[1:2] == [HERE]:
        print(json.dumps(peak(Path(sys.argv[2]))))
    else:
        main(sys.argv[1:])
