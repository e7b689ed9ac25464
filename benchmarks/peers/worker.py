"""A process that runs one engine when it is told to: `-m benchmarks.peers.worker ENGINE PRECISION CHECKPOINT FOLDER`.

It runs in the engine's environment, where of this project's packages only numpy need be. Orders and answers are lines
of JSON. The first answer is `{"ready": true}`, or `{"lacks": reason}`. To `{"batches", "least"}` it runs all batches as
often as fill that many seconds, and answers `{"times", "seconds"}`, which are of processor time; with `{"batches",
"vectors"}` it writes their vectors to that file, and answers `{}`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import engines
from benchmarks.peers.engines.base import Batch, Engine

SAMPLE = "sample.json"
"""Batches for engines that quantize by looking at activations, in the folder of all engines of a model."""
CONVERTED = ".converted"


def vectors(engine: Engine, batches: Sequence[Batch]) -> NDArray[np.float32]:
    """Means of the last hidden states of each text, of length 1, as models of sentences have them."""
    means = np.stack(list(means_of(engine, batches)))
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


def means_of(engine: Engine, batches: Sequence[Batch]) -> Iterator[NDArray[np.float64]]:
    """Batch by batch: some libraries write the next result where the last one was."""
    for batch in batches:
        for states in engine.states(engine.run(engine.feed(batch)), batch):
            yield states.mean(0, dtype=np.float64)


def timed(engine: Engine, batches: Sequence[Batch], least: float) -> dict[str, float]:
    """Run them all again and again for that many seconds at least."""
    fed = [engine.feed(batch) for batch in batches]
    start, times, taken = process_time(), 0, 0.0
    while taken < least:
        for each in fed:
            engine.run(each)
        times, taken = times + 1, process_time() - start
    return {"times": times, "seconds": taken}


def answer(engine: Engine, order: dict[str, Any]) -> dict[str, float]:
    """What one order asks for."""
    if "vectors" in order:
        np.save(order["vectors"], vectors(engine, order["batches"]))
        return {}
    return timed(engine, order["batches"], order["least"])


def convert(kind: type[Engine], checkpoint: Path, folder: Path, precision: str) -> None:
    """Once: what is there has been finished."""
    if not (folder / CONVERTED).exists():
        folder.mkdir(parents=True, exist_ok=True)
        kind.convert(checkpoint, folder, precision, json.loads((folder.parent / SAMPLE).read_text()))
        (folder / CONVERTED).touch()


def main(name: str, precision: str, checkpoint: Path, folder: Path) -> None:
    """Load, say so, and obey until there are no more orders."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print

    def say(what: dict[str, Any]) -> None:
        print(json.dumps(what), file=answers, flush=True)

    kind = engines.find(name)
    if lacks := kind.lacks(precision):
        return say({"lacks": lacks})
    convert(kind, checkpoint, folder, precision)
    engine = kind(checkpoint, folder, precision)
    say({"ready": True})
    for line in sys.stdin:
        say(answer(engine, json.loads(line)))
    return None


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
