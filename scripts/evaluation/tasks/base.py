"""What a task is for `evaluate`: it reads data, asks an archive, and measures the answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from scripts.evaluation.bootstrap import Figures, Rows
from scripts.evaluation.process import Opened


@dataclass(frozen=True, slots=True)
class Columns:
    """How data are read and answers are asked for, where there is a choice.

    Attributes:
        text: column of the text; None for `text`.
        label: column of the label; None for `label`.
        aggregation: `aggregation_strategy` of token-classification.
    """

    text: str | None = None
    label: str | None = None
    aggregation: str = "simple"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers of one archive, measured.

    Attributes:
        rows: `(examples, columns)`: what each example contributes to the figures.
        figures: of some of the rows.
        details: what else is reported, such as figures by label.
        notes: what the figures do not say by themselves.
    """

    rows: Rows
    figures: Callable[[Rows], Figures]
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Data = TypeVar("Data")
Answers = TypeVar("Answers")


class Task(ABC, Generic[Data, Answers]):
    """A way to measure archives.

    Attributes:
        name: of the task.
        served: the archive's task that has to be there.
        unit: what examples are called.
        titles: of its figures, the most important one first.
    """

    name: ClassVar[str]
    served: ClassVar[str]
    unit: ClassVar[str]
    titles: ClassVar[Mapping[str, str]]

    @abstractmethod
    def fits(self, keys: frozenset[str], columns: Columns) -> bool:
        """Whether a file whose first record has these keys is data of the task; a folder has none."""

    @abstractmethod
    def read(self, data: Path, columns: Columns) -> Data:
        """All examples.

        Raises:
            Failure: the data cannot be used.
        """

    @abstractmethod
    def size(self, data: Data) -> int:
        """How many examples there are."""

    @abstractmethod
    def answers(self, archive: Opened, data: Data, columns: Columns) -> Answers:
        """What an archive says.

        Raises:
            Failure: it refuses, or cannot know what the data ask for.
        """

    @abstractmethod
    def measure(self, data: Data, answers: Answers) -> Outcome:
        """How good that is."""
