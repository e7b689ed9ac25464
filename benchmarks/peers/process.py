"""A worker as its parent sees it: asked by lines of JSON, and ended when nobody needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine import BUDGET
from benchmarks.peers import environments
from benchmarks.peers.models import LONGEST, SAMPLED, Model
from benchmarks.peers.worker import SAMPLE
from handler.batching import make_batches
from handler.types import Encoding
from scripts.paths import ROOT

ENVIRONMENT = ROOT / "benchmarks" / "peers" / "engines"
INSIDE = ("transformers", "ours")
"""Engines of this project's own environment."""
Ids = Sequence[list[int]]
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


class Worker:
    """One engine in one precision, on one model.

    Attributes:
        lacks: why this CPU cannot have it; empty where it can.
    """

    def __init__(self, engine: str, precision: str, model: Model) -> None:
        self.engine, self.precision = engine, precision
        folder = converted(model, engine, precision)
        write_sample(folder.parent, model)
        python = sys.executable if engine in INSIDE else str(environments.python(ENVIRONMENT))
        command = [python, "-m", "benchmarks.peers.worker", engine, precision, str(model.folder), str(folder)]
        self.log = folder.with_suffix(".log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | THREADS, stdin=-1, stdout=-1, stderr=log, text=True
            )
        try:
            self.lacks = str(self.read().get("lacks", ""))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def read(self) -> dict[str, Any]:
        """Its next answer.

        Raises:
            RuntimeError: it has ended.
        """
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text().strip().splitlines()
            raise RuntimeError(
                f"{self.engine} in {self.precision} has ended: {said[-1] if said else 'no word'}; {self.log}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, texts: Ids, **order: Any) -> dict[str, Any]:
        """Send an order, and wait for its answer."""
        assert self.process.stdin
        batches, _ = cut(texts, padded=self.engine != "ours")
        self.process.stdin.write(json.dumps({"batches": batches, **order}) + "\n")
        self.process.stdin.flush()
        return self.read()

    def vectors(self, texts: Ids) -> NDArray[np.float32]:
        """`(texts, hidden)` in the order of the texts, each of length 1."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "vectors.npy"
            self.ask(texts, vectors=str(file))
            found = np.load(file)
        _, positions = cut(texts, padded=self.engine != "ours")
        ordered: NDArray[np.float32] = np.empty_like(found)
        ordered[positions] = found
        return ordered

    def seconds(self, texts: Ids, least: float) -> float:
        """Processor time of one run over the texts, the mean of as many as fill `least` seconds."""
        answer = self.ask(texts, least=least)
        return float(answer["seconds"] / answer["times"])


def converted(model: Model, engine: str, precision: str) -> Path:
    """Where an engine's own form of a model is kept."""
    return environments.CACHE / "converted" / model.name / f"{engine}-{precision}".replace(" ", "-")


def cut(texts: Ids, padded: bool) -> tuple[list[list[list[int]]], list[int]]:
    """Batches by length under a budget of tokens, which count with their padding for engines that pad; their order."""
    encodings = [Encoding(ids, [], []) for ids in texts]
    made = make_batches(encodings, BUDGET, padded)
    batches = [[encoding.ids for encoding in batch.encodings] for batch in made]
    return batches, [position for batch in made for position in batch.positions]


def write_sample(folder: Path, model: Model) -> None:
    """What engines quantize by: texts of mixed lengths and of the greatest, one to a batch."""
    file = folder / SAMPLE
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        texts = model.ids("mixed", SAMPLED, seed=1) + model.ids(str(LONGEST), 2, seed=1)
        file.write_text(json.dumps([[ids] for ids in texts]))
