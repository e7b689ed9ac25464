"""Digits: answers from the device in each dtype against those of transformers in float32 on the CPU.

For every family and head of the fast runtimes and of `eager`, every task is asked about texts from one token to more
than the model takes: each request alone, and all of them in one batch with bad ones between. One cell of the result is
a task's largest difference, see `tally`. Explanations are in float32 whatever the dtype; their reference is `packed`
on the CPU, since only its weights explain. TF32 is off unless somebody has set it, so that float32 is float32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path

import torch
import transformers

from benchmarks.gpu.context import Context
from benchmarks.gpu.parity import questions
from benchmarks.gpu.parity.archived import MADE, Archived, answers
from benchmarks.gpu.parity.cells import BOUNDS, Known, compare, failed
from handler.config import Dtype
from handler.errors import ConfigError

FAST = (
    *("Bert", "XLMRoberta", "DistilBert", "Roberta", "Camembert", "MPNet", "Electra", "Albert", "Ernie", "ModernBert"),
    *("Gte", "NomicBert", "JinaEmbeddingsV3", "EuroBert", "Data2VecText", "RobertaPreLayerNorm", "XLMRobertaXL"),
    *("MegatronBert", "RemBert", "RoFormer", "Deberta", "DebertaV2"),
)
HEADS = tuple(questions.OF)
OTHERS = {"Splinter": HEADS[:1]}
"""Families that only `eager` runs, and such heads of theirs as are served."""


@dataclass(frozen=True, slots=True)
class Case:
    """A checkpoint."""

    family: str
    head: str

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Those of a GPU that run it, the fast one first."""
        return ("packed", "eager") if self.family in FAST else ("eager",)


def cases(everything: bool) -> Iterator[Case]:
    """All families with all heads, the most usual first; or each head once, with the families in turn."""
    pairs = product(FAST, HEADS) if everything else zip(cycle(FAST), HEADS, strict=False)
    made = [Case(family, head) for family, head in pairs if head in MADE or hasattr(transformers, family + head)]
    others = [Case(family, head) for family, heads in OTHERS.items() for head in heads[: None if everything else 1]]
    repeated = [case for case in made if case.family != FAST[0] and case.head in MADE]  # the same layers over another
    yield from (case for case in [*made, *others] if case not in repeated)
    yield from repeated


def run(context: Context) -> None:
    """All cases; see `benchmarks.gpu.context`."""
    context.add("bounds", **BOUNDS, tf32=torch.backends.cuda.matmul.allow_tf32)
    for turn, case in enumerate(cases(context.gpu)):
        about = {"runtime": case.runtimes[0], "family": case.family, "head": case.head, "dtype": "float32"}
        if context.late("cell", **about):
            continue
        try:
            measure(context, case, turn)
        except Exception as error:  # of the checkpoint or its reference
            context.add("cell", **about, **failed(error, BOUNDS["float32"]))


def measure(context: Context, case: Case, turn: int = 0) -> None:
    """One checkpoint: the fast runtime in every dtype, `eager` in one of them by turns, for it is slow."""
    with tempfile.TemporaryDirectory() as folder:
        archived = Archived(Path(folder), context.sizes.small, case.family, case.head, 0 if context.gpu else 1)
        known = reference(context, archived, case)
        dtypes: tuple[Dtype, ...] = (*context.halves, "float32")
        eager = (dtypes[turn % len(dtypes)],) if context.gpu else dtypes
        for runtime, dtype in [*product(case.runtimes[:-1], dtypes), *product(case.runtimes[-1:], eager)]:
            about = {"runtime": runtime, "family": case.family, "head": case.head, "dtype": dtype}
            if context.late("cell", **about):
                continue
            try:
                compare(context, about, archived.load(runtime, dtype, context.device), known)
            except Exception as error:
                if isinstance(error, ConfigError) and not context.gpu:  # a CPU has not every dtype
                    context.skip("cell", str(error), **about)
                else:
                    context.add("cell", **about, **failed(error, BOUNDS[dtype]))


def reference(context: Context, archived: Archived, case: Case) -> Known:
    """Each request alone on the CPU in float32.

    Raises:
        ValueError: one is refused that should not be.
    """
    workers = {"eager": archived.load("eager", "float32", "cpu")}
    if "packed" in case.runtimes:
        workers["packed"] = archived.load("packed", "float32", "cpu")
    known: Known = []
    for question in questions.ask(case.head, workers["eager"].tokenizer):
        worker = workers.get("packed" if question.task == "explanations" else "eager")
        if worker is None:
            continue  # there are no weights to explain with
        answer = answers(worker, [question.content])[0]
        if answer.status == 200:
            known.append((question, answer.value))
        elif question.optional:
            context.skip("cell", answer.value["error"], family=case.family, head=case.head, task=question.task)
        else:
            raise ValueError(f"{question.task}, {answer.status}: {answer.value['error']}")
    return known
