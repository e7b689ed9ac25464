"""What is measured: texts of a length, in full batches or one at a time."""

from __future__ import annotations

from dataclasses import dataclass

TOKENS = 2048
"""Of full batches: two of the budget's; half of that for a model of BERT-base's size, which takes eight times as
long."""
LENGTHS = ("mixed", "16", "128", "256", "512")
MEAN = 32
"""Tokens of a text of mixed lengths, with which texts are counted."""
LONE = {"mixed": "27"}
"""The length of a text that is alone: of mixed lengths it is about their mean."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A workload by its name, and how many of its texts are run together."""

    kind: str
    texts: int

    @property
    def name(self) -> str:
        """As tables and pictures have it."""
        if self.texts == 1:
            return f"one text of {self.kind} tokens"
        return f"full batches, {self.kind}" + ("" if self.kind == "mixed" else " tokens")


def cells(lengths: tuple[str, ...], large: bool) -> list[Cell]:
    """Full batches of every length, then single texts."""
    total = TOKENS // 2 if large else TOKENS
    full = [Cell(each, total // (MEAN if each == "mixed" else int(each))) for each in lengths]
    return full + [Cell(LONE.get(each, each), 1) for each in lengths]
