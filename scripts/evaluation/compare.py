"""Two archives side by side on the same texts: how far answers are apart, and how fast each is: `bert compare`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.console import Failure, step
from scripts.evaluation import heads, speed, texts, vectors
from scripts.evaluation.heads import Apart
from scripts.evaluation.process import Opened, find
from scripts.evaluation.vectors import Vectors

DESCRIBED = ("model", "version", "runtime", "dtype", "device", "dimensions")


@dataclass(frozen=True, slots=True)
class Kind:
    """What is compared.

    Attributes:
        task: which the archives answer.
        inputs: of the texts.
        apart: of both archives' answers; a seed draws texts where there are too many.
        spread: what the numbers are that are shown as a histogram.
    """

    task: str
    inputs: Callable[[Sequence[str]], list[Any]]
    apart: Callable[[Any, Any, int], Apart]
    spread: str

    def ask(self, archive: Opened, inputs: Sequence[Any]) -> Any:
        """An archive's answers; vectors as one array, which takes an eighth of the memory."""
        return archive.vectors(inputs) if self.task == "embedding" else archive.each(self.task, inputs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found: `report` for all who read it, and what the chart is made of."""

    report: dict[str, Any]
    spread: NDArray[np.float64]
    title: str


def embeddings(one: Vectors, other: Vectors, seed: int) -> Apart:
    """As `vectors` has them; without cosines where the dimensions differ."""
    figures = vectors.relations(one, other, seed)
    if one.shape != other.shape:
        return {"cosine_min": None, "cosine_mean": None, **figures}, np.array([])
    found = vectors.cosines(one, other)
    return {"cosine_min": float(found.min()), "cosine_mean": float(found.mean()), **figures}, found


def pairs(found: Sequence[str]) -> list[Any]:
    """Each text with the next one."""
    return [list(pair) for pair in pairwise(found)]


SCORES = "difference of scores"
KINDS = {
    "embedding": Kind("embedding", list, embeddings, "cosine of both vectors of a text"),
    "text-classification": Kind(
        "text-classification", list, lambda one, other, _: heads.labels(one, other), f"largest {SCORES} of a text"
    ),
    "token-classification": Kind(
        "token-classification", list, lambda one, other, _: heads.entities(one, other), f"{SCORES} of an entity"
    ),
    "rerank": Kind("text-classification", pairs, lambda one, other, _: heads.labels(one, other), f"{SCORES} of a pair"),
}
"""By the archive's task; other archives are compared by their embeddings, which all have."""


def compare(
    names: tuple[str, str], store: Path, file: Path | None, kind_name: str | None, seed: int, rounds: int
) -> Comparison:
    """Ask both archives, and then time them.

    Raises:
        Failure: an archive cannot be opened, refuses a text, or the two do different things.
    """
    files = [find(name, store) for name in names]
    sample = texts.read(file) if file else texts.sample(files[0], seed)
    with ExitStack() as stack:
        with step(f"opening {names[0]} and {names[1]}"):
            archives = [stack.enter_context(Opened(*each)) for each in zip(names, files, strict=True)]
        name = kind_name or shared(archives)
        kind = KINDS[name]
        inputs = kind.inputs(sample)
        with step(f"{len(sample)} texts, {name}"):
            answers = [kind.ask(archive, inputs) for archive in archives]
            figures, spread = kind.apart(answers[0], answers[1], seed)
        with step("timing both in turns"):
            timed = speed.measure(archives, kind.task, inputs, seed, rounds)
    rows = [
        {"name": archive.name, **{key: archive.info[key] for key in DESCRIBED}, **rate}
        for archive, rate in zip(archives, timed.pop("archives"), strict=True)
    ]
    source = {"texts": len(sample), "file": str(file) if file else None, "seed": seed}
    report = {"task": name, **source, "archives": rows, "apart": figures, "speed": timed, "notes": notes(archives)}
    return Comparison(report, spread, kind.spread)


def shared(archives: Sequence[Opened]) -> str:
    """The kind of both.

    Raises:
        Failure: they are of different kinds, or classifiers without a common label.
    """
    one, other = (kind_of(archive.info) for archive in archives)
    if one != other:
        raise Failure(
            f"{archives[0].name} is for {one}, and {archives[1].name} for {other}",
            fix=remedy(archives),
        )
    labels = [archive.info["labels"] for archive in archives]
    if one == "text-classification" and not {*labels[0]} & {*labels[1]}:
        has = " and ".join(
            f"{', '.join(each)} ({archive.name})" for each, archive in zip(labels, archives, strict=True)
        )
        raise Failure(f"the archives have no label in common: {has}", fix=remedy(archives))
    return one


def remedy(archives: Sequence[Opened]) -> str:
    """What else both could be compared by."""
    able = all("embedding" in archive.info["tasks"] for archive in archives)
    return "--task embedding compares vectors" if able else "choose two archives that are for the same"


def kind_of(info: Mapping[str, Any]) -> str:
    """What an archive is compared by: a ranking by cosine is one of embeddings."""
    task = str(info["task"])
    return task if task in KINDS and (task != "rerank" or len(info["labels"]) == 1) else "embedding"


def notes(archives: Sequence[Opened]) -> list[str]:
    """What figures do not say."""
    one, other = archives
    found = []
    if one.code != other.code:
        found.append("the archives carry different versions of the package handler; each is computed by its own")
    if one.info["dimensions"] != other.info["dimensions"]:
        found.append(f"vectors of {one.info['dimensions']} and {other.info['dimensions']} numbers have no cosine")
    return found
