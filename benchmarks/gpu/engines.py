"""Ways to run an encoder over many texts: with this project's batching, and as others do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.sizes import Model
from handler.batching import make_batches
from handler.poolings import POOLINGS
from handler.runtimes.base import Runtime
from handler.runtimes.eager import Eager
from handler.types import Encoding
from scripts.load.workload import WORDS_MOST, WORDS_MU, WORDS_SIGMA
from scripts.packing.exports.measure import sequence

ARRIVAL, PADDED = 64, 1 << 14
"""Texts of a padded batch in order of arrival, and tokens of one by length, padding included."""
COMPILED, COMPILED_LENGTH = 64, 128
"""Texts of a compiled batch, and tokens of each: another shape would be compiled anew."""

Engine = Callable[[Sequence[Encoding]], None]


def read(runtime: Runtime, encodings: Sequence[Encoding]) -> Callable[[], Any]:
    """Begin a pass and the way back of its vectors; the function waits for them."""
    mean = POOLINGS["mean"]
    outputs = runtime.run(encodings)
    for output in outputs:
        output.keep_for(mean)
    return lambda: mean.of(outputs)


def length_sorted_batches(runtime: Runtime, budget: int) -> Engine:
    """By length, under a token budget, as the pipeline does."""

    def engine(encodings: Sequence[Encoding]) -> None:
        for wait in [read(runtime, batch.encodings) for batch in make_batches(encodings, budget, runtime.padded)]:
            wait()

    return engine


def fixed_size_batches(runtime: Runtime) -> Engine:
    """As they come, padded to the longest: what a handler without this project's batching does."""

    def engine(encodings: Sequence[Encoding]) -> None:
        starts = range(0, len(encodings), ARRIVAL)
        for wait in [read(runtime, encodings[start : start + ARRIVAL]) for start in starts]:
            wait()

    return engine


def compiled(eager: Eager) -> Engine:
    """torch.compile over the model, for batches of one shape; compiled when it is first run."""
    backend = "inductor" if eager.outputs_on_device else "eager"  # a rehearsal need not wait for a compiler
    model: Any = torch.compile(eager.model, dynamic=False, backend=backend)

    @torch.inference_mode()
    def engine(encodings: Sequence[Encoding]) -> None:
        vectors = []
        for start in range(0, len(encodings) - COMPILED + 1, COMPILED):
            ids = torch.tensor([encoding.ids for encoding in encodings[start : start + COMPILED]])
            vectors.append(model(input_ids=ids.to(eager.device)).last_hidden_state.float().mean(1))
        torch.cat(vectors).cpu()

    return engine


def sample(length: int | None, tokens: int, model: Model) -> list[Encoding]:
    """Random sequences of about that many tokens together; without a length, lengths spread as in `mixed`."""
    generator, ids = np.random.default_rng(0), random.Random(0)
    made: list[Encoding] = []
    total = 0
    while total < tokens or len(made) % COMPILED:
        drawn = int(np.clip(generator.lognormal(WORDS_MU, WORDS_SIGMA), 1, WORDS_MOST)) + 2
        made.append(sequence(ids, model.vocabulary, min(length or drawn, model.positions)))
        total += len(made[-1])
    return made


def seconds(engine: Callable[[Sequence[Encoding]], Any], encodings: Sequence[Encoding]) -> float:
    """One run; vectors are on the host when it ends."""
    start = perf_counter()
    engine(encodings)
    return perf_counter() - start
