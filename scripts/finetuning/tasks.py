"""The two tasks that can be trained: what each reads, its targets, and how its predictions are measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from handler.head import HeadType
from scripts.finetuning import entities, metrics, texts
from scripts.finetuning.batches import IGNORED, EncodedExample, encode
from scripts.finetuning.examples import Entity, Example, Labelled, Tagged


class Task(ABC):
    """What training has to know of a task.

    Attributes:
        kind: of the head.
        least: how many labels there have to be.
        best: the metric that chooses the epoch whose weights are kept.
        problem: `problem_type` of the configuration.
    """

    kind: ClassVar[HeadType]
    least: ClassVar[int]
    best: ClassVar[str]
    problem: ClassVar[str | None] = None

    @abstractmethod
    def read(self, file: Path, text_column: str | None, label_column: str | None) -> Sequence[Example]:
        """Examples of a file, in its order."""

    @abstractmethod
    def outputs(self, labels: Sequence[str]) -> list[str]:
        """Names of the model's scores."""

    @abstractmethod
    def target(self, example: Any, offsets: Sequence[tuple[int, int]], outputs: Sequence[str]) -> Tensor:
        """What the model should say; see `EncodedExample`."""

    @abstractmethod
    def measure(
        self,
        examples: Sequence[Any],
        encoded: Sequence[EncodedExample],
        guesses: Sequence[Tensor],
        labels: Sequence[str],
    ) -> dict[str, Any]:
        """Metrics of guesses: the number of the best score of each example, or of each of its tokens."""

    def encode(
        self, examples: Sequence[Example], tokenizer: Any, max_length: int, model: Any
    ) -> tuple[list[EncodedExample], int]:
        """All examples as tensors, and how many of them were cut."""
        taken = signature(model.base_model.forward).parameters  # a DistilBERT may come with a tokenizer of BERT's
        names = [name for name in tokenizer.model_input_names if name in taken]
        outputs = list(model.config.id2label.values())
        encoded, cut = [], 0
        for example in examples:
            inputs, offsets, too_long = encode(example, tokenizer, max_length, names)
            encoded.append(EncodedExample(inputs, self.target(example, offsets, outputs), offsets))
            cut += too_long
        return encoded, cut


class TextClassification(Task):
    """One label per text or pair."""

    kind = "sequence"
    least = 2
    best = "macro_f1"
    problem = "single_label_classification"

    def read(self, file: Path, text_column: str | None, label_column: str | None) -> list[Labelled]:
        """As `texts.read`."""
        return texts.read(file, text_column, label_column)

    def outputs(self, labels: Sequence[str]) -> list[str]:
        """The labels."""
        return list(labels)

    def target(self, example: Labelled, offsets: Sequence[tuple[int, int]], outputs: Sequence[str]) -> Tensor:
        """Number of its label."""
        return torch.tensor(outputs.index(example.label))

    def measure(
        self,
        examples: Sequence[Labelled],
        encoded: Sequence[EncodedExample],
        guesses: Sequence[Tensor],
        labels: Sequence[str],
    ) -> dict[str, Any]:
        """As `metrics.of_labels`."""
        names = [labels[int(guess)] for guess in guesses]
        return metrics.of_labels([example.label for example in examples], names, labels)


class TokenClassification(Task):
    """`B-` for the first token of an entity, `I-` for its others, `O` for the rest."""

    kind = "tokens"
    least = 1
    best = "f1"

    def read(self, file: Path, text_column: str | None, label_column: str | None) -> list[Tagged]:
        """As `entities.read`."""
        return entities.read(file, text_column, label_column)

    def outputs(self, labels: Sequence[str]) -> list[str]:
        """`O`, and two for each label."""
        return ["O", *(f"{part}-{label}" for label in labels for part in "BI")]

    def target(self, example: Tagged, offsets: Sequence[tuple[int, int]], outputs: Sequence[str]) -> Tensor:
        """Number of each token's tag."""
        begun: set[Entity] = set()
        numbers = []
        for start, end in offsets:
            over = next((one for one in example.entities if one.start < end and start < one.end), None)
            tag = "O" if over is None else f"{'I' if over in begun else 'B'}-{over.label}"
            begun |= {over} if over else set()
            numbers.append(outputs.index(tag) if start < end else IGNORED)
        return torch.tensor(numbers)

    def measure(
        self,
        examples: Sequence[Tagged],
        encoded: Sequence[EncodedExample],
        guesses: Sequence[Tensor],
        labels: Sequence[str],
    ) -> dict[str, Any]:
        """As `metrics.of_entities`, with `token_accuracy` beside `O`'s share, which guessing nothing would reach."""
        outputs = self.outputs(labels)
        found, hits, nothing, total = [], 0, 0, 0
        for item, guess in zip(encoded, guesses, strict=True):
            real = item.target != IGNORED
            hits += int((guess == item.target)[real].sum())
            nothing += int((item.target == outputs.index("O")).sum())
            total += int(real.sum())
            offsets = [place for place, seen in zip(item.offsets, real.tolist(), strict=True) if seen]
            found.append(entities.joined(offsets, [outputs[number] for number in guess[real].tolist()]))
        true = [example.entities for example in examples]
        shares = {"token_accuracy": hits / total, "majority": {"label": "O", "share": nothing / total}}
        return {**metrics.of_entities(true, found, labels), **shares}


TASKS: dict[str, Task] = {"text-classification": TextClassification(), "token-classification": TokenClassification()}
