"""Training and validation examples."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from scripts.console import Failure
from scripts.finetuning.examples import Example

E = TypeVar("E", bound=Example)


@dataclass(frozen=True, slots=True)
class Split(Generic[E]):
    """Examples in the order of their file; equal texts are on one side."""

    train: list[E]
    validation: list[E]


def check_labels(file: Path, examples: Sequence[Example], least: int) -> list[str]:
    """All labels in alphabetical order.

    Args:
        file: for messages.
        examples: all of them.
        least: how many labels there have to be.

    Raises:
        Failure: fewer labels, or one whose lines all have the same text, so that it cannot be in both sets.
    """
    texts: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for example in examples:
        for label in example.labels:
            texts[label].add(example.key)
    if len(texts) < least:
        raise Failure(
            f"{file} has {len(examples)} lines and {len(texts)} labels{': ' if texts else ''}{', '.join(texts)}",
            fix=f"at least {least} labels are needed",
        )
    for label in sorted(label for label, keys in texts.items() if len(keys) == 1):
        line = next(example.line for example in examples if label in example.labels)
        raise Failure(
            f"{file} line {line}: label {label} has one text only; it cannot be in both training and validation set",
            fix="add lines with this label, or remove it",
        )
    return sorted(texts)


def split(examples: Sequence[E], fraction: float, seed: int) -> Split[E]:
    """Hold out `fraction` of the texts of each label, at least one and never all.

    Equal texts go together. A line with several labels counts for its rarest; what has no label is a label of its own.
    """
    frequency = Counter(label for example in examples for label in example.labels)
    groups: dict[tuple[str, ...], list[E]] = defaultdict(list)
    for example in examples:
        groups[example.key].append(example)
    strata: dict[str, list[list[E]]] = defaultdict(list)
    for group in groups.values():
        labels = [label for example in group for label in example.labels]
        strata[min(labels, key=lambda label: (frequency[label], label), default="")].append(group)
    chance = random.Random(seed)
    held: set[int] = set()
    for _, members in sorted(strata.items()):
        chance.shuffle(members)
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        held |= {example.line for group in members[:count] for example in group}
    return Split(
        [example for example in examples if example.line not in held],
        [example for example in examples if example.line in held],
    )
