"""Texts of the lengths where engines differ, measured with the model's own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.gpu.vocabularies import TEXT
from handler.text import TextTokenizer


@dataclass(frozen=True, slots=True)
class Texts:
    """What a model is asked about.

    Attributes:
        one: a single token.
        mixture: several scripts, half of what the model takes.
        longest: as many tokens as it takes.
        beyond: more than twice that: three windows.
        mask: no text, but the token that stands for a missing word; empty where there is none.
    """

    one: str
    few: str
    mixture: str
    longest: str
    beyond: str
    mask: str

    @property
    def every(self) -> list[str]:
        """All texts."""
        return [self.one, self.few, self.mixture, self.longest, self.beyond]


def make(encoder: TextTokenizer) -> Texts:
    """For one tokenizer and its longest sequence."""
    longest, words = encoder.config.max_length, TEXT.split()
    return Texts(
        one="a",
        few="the ferry crosses the river",
        mixture=of(encoder, longest // 2, words[::-5]),
        longest=of(encoder, longest, words),
        beyond=of(encoder, 2 * longest + longest // 3, words),
        mask="" if encoder.mask is None else encoder.name(encoder.mask),
    )


def of(encoder: TextTokenizer, tokens: int, words: Sequence[str]) -> str:
    """A text of that many tokens, special tokens included, of these words again and again."""
    text = " ".join(words)
    while len(offsets := encoder.backend.encode(text).offsets) <= tokens:
        text += " " + text
    room = tokens - len(encoder.prefix) - len(encoder.suffix)
    text = text[: offsets[len(encoder.prefix) + room][0]].rpartition(" ")[0]
    while len(encoder.backend.encode(text)) < tokens:
        text += "."  # a token of its own in every vocabulary
    return text
