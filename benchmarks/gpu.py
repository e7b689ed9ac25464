"""The engine alone on a GPU, without TorchServe, network or checkpoints: `python -m benchmarks.gpu`.

Models have the shapes of MiniLM, bert-base and bert-large and random weights from a seed. For each, the `packed`
runtime in half precision is compared with float32 on the CPU, and then timed against transformers with SDPA, padded in
order of arrival and by length. Times are of whole calls: token ids from the host, hidden states back to it. The share
is of this GPU's own product of two large bfloat16 matrices. Results go to `benchmarks/results/gpu.json`.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from benchmarks import machine, report
from benchmarks.engine import Engine, arriving, planned, seconds
from benchmarks.workload import WORDS_MOST, WORDS_MU, WORDS_SIGMA, Shape
from handler.call import Encoding
from handler.config import Dtype
from handler.runtimes.base import WEIGHTS, Placement
from handler.runtimes.eager import Eager
from handler.runtimes.packed import Packed
from scripts import layout
from scripts.console import Failure, err, out
from scripts.exports.measure import difference, sequence
from scripts.paths import ROOT

HEADS = 64  # width of an attention head; MiniLM's are half of it
SHAPES = {"MiniLM": Shape(6, 384, 1536), "bert-base": Shape(12, 768, 3072), "bert-large": Shape(24, 1024, 4096)}
NARROW = {"MiniLM": 12}
LENGTHS: dict[str, int | None] = {"16": 16, "128": 128, "512": 512, "mixed": None}
VOCABULARY, LONGEST = 30522, 512
TOKENS, BUDGET, ARRIVAL = 1 << 17, 1 << 14, 64
ROUNDS = 5
SQUARE = 8192


def checkpoint(name: str, shape: Shape, folder: Path) -> Path:
    """A BERT of that shape with random weights, as transformers saves it and as `packed` wants it."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=NARROW.get(name, max(1, shape.hidden // HEADS)),
        intermediate_size=shape.inner,
        max_position_embeddings=LONGEST,
    )
    model = BertModel(config)
    model.save_pretrained(folder)
    weights = layout.arrange(model.state_dict(), config.to_dict(), True)
    save_file(weights, folder / WEIGHTS, layout.settings(config.to_dict()))
    return folder


def texts(length: int | None, tokens: int) -> list[Encoding]:
    """Random sequences of about that many tokens together; without a length, lengths spread as in `mixed`."""
    generator, ids = np.random.default_rng(0), random.Random(0)
    made: list[Encoding] = []
    total = 0
    while total < tokens:
        drawn = int(np.clip(generator.lognormal(WORDS_MU, WORDS_SIGMA), 1, WORDS_MOST)) + 2
        made.append(sequence(ids, VOCABULARY, length or drawn))
        total += len(made[-1])
    return made


def peak(device: str, dtype: Dtype, size: int) -> float:
    """FLOP/s of one large matrix product."""
    left, right = (torch.randn(size, size, device=device, dtype=getattr(torch, dtype)) for _ in range(2))
    times = []
    for _ in range(ROUNDS + 2):
        start = perf_counter()
        (left @ right)[0, 0].item()  # waits for the device
        times.append(perf_counter() - start)
    return 2.0 * size**3 / median(times[2:])


def measure(
    device: str, dtype: Dtype, shapes: dict[str, Shape], tokens: int = TOKENS, square: int = SQUARE
) -> dict[str, Any]:
    """All shapes and lengths; engines take turns."""
    ceiling = peak(device, dtype, square)
    rows: list[dict[str, Any]] = []
    exactness: dict[str, dict[str, Any]] = {}
    for name, shape in shapes.items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = checkpoint(name, shape, Path(temporary))
            packed, eager = (kind(folder, Placement(device, dtype)) for kind in (Packed, Eager))
            reference = Packed(folder, Placement("cpu", "float32"))
            exactness[name] = difference(packed, reference, VOCABULARY, LONGEST).report()
        engines = {
            "packed": planned(packed, BUDGET),
            "transformers, by length": planned(eager, BUDGET),
            "transformers, arrival order": arriving(eager, ARRIVAL),
        }
        for title, length in LENGTHS.items():
            err.print(f"{name}, {title} tokens")
            rows += timed(engines, texts(length, tokens), shape, {"model": name, "workload": title}, ceiling)
    return {
        "machine": machine.describe(),
        "dtype": dtype,
        "peak_tflops": round(ceiling / 1e12, 2),
        "difference_to_float32_on_cpu": exactness,
        "rows": rows,
    }


def timed(
    engines: dict[str, Engine], encodings: list[Encoding], shape: Shape, about: dict[str, str], ceiling: float
) -> list[dict[str, Any]]:
    """One row per engine, medians over rounds after a warm-up."""
    lengths = [len(encoding) for encoding in encodings]
    taken: dict[str, list[float]] = {name: [] for name in engines}
    for turn in range(ROUNDS + 1):
        for name, engine in engines.items():
            spent = seconds(engine, encodings)
            if turn:  # the first one warms up
                taken[name].append(spent)
    return [
        {
            **about,
            "name": name,
            "tokens_per_second": round(sum(lengths) / median(times)),
            "texts_per_second": round(len(lengths) / median(times), 1),
            "useful_tflops": round(shape.flops(lengths) / median(times) / 1e12, 3),
            "share_of_peak": round(shape.flops(lengths) / median(times) / ceiling, 3),
        }
        for name, times in taken.items()
    ]


COLUMNS = ("model", "workload", "name", "tokens_per_second", "texts_per_second", "useful_tflops", "share_of_peak")


def main() -> None:
    """Measure, save, show.

    Raises:
        Failure: there is no GPU that torch can use.
    """
    if not torch.cuda.is_available():
        raise Failure("torch finds no GPU here", fix="scripts/bert doctor says why")
    result = measure("cuda:0", "bfloat16", SHAPES)
    report.save(result, ROOT / "benchmarks" / "results" / "gpu.json")
    out.print(report.table(result["rows"], {key: key.replace("_", " ") for key in COLUMNS}))
    out.print(result["difference_to_float32_on_cpu"])


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        failure.show()
        raise SystemExit(1) from None
