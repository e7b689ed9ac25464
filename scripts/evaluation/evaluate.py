"""Archives on labelled data, with confidence intervals: `bert evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.console import Failure, step
from scripts.evaluation import bootstrap, tasks
from scripts.evaluation.bootstrap import Interval
from scripts.evaluation.process import Opened, find
from scripts.evaluation.tasks.base import Columns, Outcome, Task


@dataclass(frozen=True, slots=True)
class Sampling:
    """How intervals are found: `times` samples, drawn from a `seed`."""

    seed: int = 0
    times: int = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and between which two it lies with a confidence of 95 %."""

    value: float
    interval: Interval

    def report(self) -> dict[str, float]:
        """As JSON."""
        return {"value": self.value, "low": self.interval[0], "high": self.interval[1]}


@dataclass(frozen=True, slots=True)
class Measured:
    """One archive.

    Attributes:
        name: as the user gave it.
        model: what the archive says of itself.
        outcome: its answers, measured.
        figures: with intervals, by their keys.
    """

    name: str
    model: Mapping[str, Any]
    outcome: Outcome
    figures: Mapping[str, Figure]

    def report(self) -> dict[str, Any]:
        """As JSON."""
        model = {key: self.model[key] for key in ("model", "version", "runtime", "dtype", "device")}
        figures = {key: figure.report() for key, figure in self.figures.items()}
        return {"name": self.name, **model, "figures": figures, **self.outcome.details, "notes": [*self.outcome.notes]}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All archives.

    Attributes:
        task: what was measured.
        data: the file or folder, and `examples` their number.
        archives: in the user's order.
        differences: of two archives, second less first, on the same samples; else empty.
    """

    task: Task[Any, Any]
    data: Path
    examples: int
    sampling: Sampling
    archives: Sequence[Measured]
    differences: Mapping[str, Figure]

    def report(self) -> dict[str, Any]:
        """As JSON."""
        found = {
            "task": self.task.name,
            "data": str(self.data),
            "examples": self.examples,
            "seed": self.sampling.seed,
            "resamples": self.sampling.times,
            "archives": [each.report() for each in self.archives],
        }
        differences = {key: figure.report() for key, figure in self.differences.items()}
        return found | ({"differences": differences} if differences else {})


def evaluate(
    names: Sequence[str], store: Path, data: Path, task_name: str | None, columns: Columns, sampling: Sampling
) -> Evaluation:
    """Measure archives, one after the other, on the same data.

    Raises:
        Failure: the data cannot be used, an archive cannot be opened, or has not what the task needs.
    """
    task = tasks.choose(data, task_name, columns)
    files = [find(name, store) for name in names]
    read = task.read(data, columns)
    outcomes, models = [], []
    for name, file in zip(names, files, strict=True):
        with step(f"{name}: {task.name} of {task.size(read)} {task.unit}"), Opened(name, file) as archive:
            check(archive, task)
            outcomes.append(task.measure(read, task.answers(archive, read, columns)))
            models.append(archive.info)
    with step(f"bootstrap samples of the {task.unit}: {sampling.times}"):
        figures, differences = with_intervals(outcomes, sampling)
    measured = [Measured(*each) for each in zip(names, models, outcomes, figures, strict=True)]
    return Evaluation(task, data, task.size(read), sampling, measured, differences)


def check(archive: Opened, task: Task[Any, Any]) -> None:
    """Refuse an archive that has not what a task needs.

    Raises:
        Failure: it is so.
    """
    there = archive.info["tasks"]
    if task.served not in there:
        raise Failure(
            f"{archive.name} has no {task.served}, which {task.name} needs; its tasks are {', '.join(there)}",
            fix="an archive of a model with such a head, or data of another task",
        )


def with_intervals(
    outcomes: Sequence[Outcome], sampling: Sampling
) -> tuple[list[dict[str, Figure]], dict[str, Figure]]:
    """Figures of each archive, and of two their differences."""
    measures = [(each.rows, each.figures) for each in outcomes]
    drawn = bootstrap.draws(measures, sampling.seed, sampling.times)
    values = [figures(rows) for rows, figures in measures]
    found = [
        {key: Figure(own[key], bootstrap.interval(samples[key])) for key in own}
        for own, samples in zip(values, drawn, strict=True)
    ]
    if len(found) != 2:
        return found, {}
    apart = {key: bootstrap.interval(drawn[1][key] - drawn[0][key]) for key in values[0]}
    return found, {key: Figure(values[1][key] - values[0][key], each) for key, each in apart.items()}
