"""Texts of one workload, made once and read by each process that sends them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from scripts.load import workload

COUNT = 512  # each of them is sent many times; making one takes a millisecond


@dataclass(frozen=True, slots=True)
class Texts:
    """A file of texts.

    Attributes:
        file: a JSON list of them.
        texts: the same.
        tokens: of each, as the server computes them: special tokens included, and cut to its longest sequence.
    """

    file: Path
    texts: list[str]
    tokens: list[int]

    @property
    def mean(self) -> float:
        """Tokens of a text."""
        return sum(self.tokens) / len(self.tokens)


def make(checkpoint: Path, tokens: int | None, longest: int, folder: Path, count: int = COUNT) -> Texts:
    """Texts of so many tokens; without a number, lengths spread as in `mixed`.

    Args:
        checkpoint: folder of the model, whose words they are.
        tokens: of each text.
        longest: sequence of the model.
        folder: for the file.
        count: of texts.
    """
    name = "mixed" if tokens is None else str(tokens)
    made = workload.make(name, count, 0, workload.read_tokenizer((checkpoint / "tokenizer.json").read_text()))
    file = folder / f"{name}.json"
    file.write_bytes(orjson.dumps(made.texts))
    return Texts(file, made.texts, [min(length, longest) for length in made.tokens])


def read(file: Path) -> list[str]:
    """The texts of such a file."""
    texts: Any = orjson.loads(file.read_bytes())
    return list(texts)
