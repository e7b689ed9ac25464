"""What `/metrics` says, as values by name and labels: Prometheus' text format, as far as TorchServe writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([-+.\w]+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(r"\\(.)")
CHARACTERS = {"n": "\n"}

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Values:
    """All values of one moment, by name and labels."""

    content: dict[tuple[str, Labels], float]

    def select(self, name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Those of a name with such labels, each with all of its labels."""
        wanted = frozenset(labels.items())
        for (own, found), value in self.content.items():
            if own == name and wanted <= found:
                yield dict(found), value

    def since(self, before: Values) -> Values:
        """What counters have counted between two moments; one that fell has begun again at 0."""
        change = {}
        for key, value in self.content.items():
            old = before.content.get(key, 0.0)
            change[key] = value - old if value >= old else value
        return Values(change)

    def total(self, name: str, **labels: str) -> float:
        """Their sum; 0 for what was never counted."""
        return sum(value for _, value in self.select(name, **labels))

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """Sums for each value of a label."""
        sums: dict[str, float] = {}
        for found, value in self.select(name, **labels):
            sums[found[label]] = sums.get(found[label], 0.0) + value
        return sums


def parse(text: str) -> Values:
    """Lines that hold no value are comments, or nothing anybody asked for."""
    return Values({(name, pairs(labels)): float(value) for name, labels, value in LINE.findall(text)})


def pairs(text: str) -> Labels:
    """Labels of a line, their values without escapes."""
    return frozenset(
        (name, ESCAPED.sub(lambda found: CHARACTERS.get(found[1], found[1]), value))
        for name, value in LABEL.findall(text)
    )
