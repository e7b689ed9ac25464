"""Labels of tokens to labels of words and entities, as transformers' token classification pipeline finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from handler.head import Scores

Join = Callable[[list[str]], str]
Item = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a text.

    Attributes:
        index: its number in the text, special tokens counted.
        word: as the vocabulary writes it.
        start, stop: where it stands in the text.
        is_subword: whether it goes on with the word of the token before it.
        scores: `(labels,)` probabilities.
    """

    index: int
    word: str
    start: int
    stop: int
    is_subword: bool
    scores: Scores


STRATEGIES: dict[str, Callable[[Sequence[Token]], Scores]] = {
    "first": lambda word: word[0].scores,
    "average": lambda word: np.stack([token.scores for token in word]).mean(axis=0),
    "max": lambda word: max(word, key=lambda token: token.scores.max()).scores,
}
"""The scores of a word."""


def by_word(tokens: Sequence[Token], strategy: str, labels: Sequence[str], join: Join) -> list[Item]:
    """One item per word, or per token for a strategy that knows no words."""
    if strategy not in STRATEGIES:
        return [
            labelled(token.scores, labels) | {"index": token.index, "word": token.word} | span([token])
            for token in tokens
        ]
    return [
        labelled(STRATEGIES[strategy](word), labels) | {"word": join([token.word for token in word])} | span(word)
        for word in grouped(tokens, lambda token, _: token.is_subword)
    ]


def labelled(scores: Scores, labels: Sequence[str]) -> Item:
    """The likeliest label."""
    number = int(scores.argmax())
    return {"entity": labels[number], "score": scores[number]}


def span(tokens: Sequence[Token]) -> Item:
    """From the first to the last."""
    return {"start": tokens[0].start, "end": tokens[-1].stop}


def entities(items: Sequence[Item], join: Join) -> list[Item]:
    """Neighbours of one label together; `B-` begins a new entity, any other prefix goes on with one."""
    return [
        {
            "entity_group": group[0]["entity"].split("-", 1)[-1],
            "score": np.mean([item["score"] for item in group]),
            "word": join([item["word"] for item in group]),
            "start": group[0]["start"],
            "end": group[-1]["end"],
        }
        for group in grouped(items, is_same_entity)
    ]


def is_same_entity(item: Item, before: Item) -> bool:
    """Whether an item belongs to the entity of the one before it."""
    return not item["entity"].startswith("B-") and tag(item["entity"]) == tag(before["entity"])


def tag(label: str) -> str:
    """A label without `B-` or `I-`."""
    return label[2:] if label.startswith(("B-", "I-")) else label


def grouped(items: Iterable[T], together: Callable[[T, T], bool]) -> list[list[T]]:
    """Runs of neighbours that belong together."""
    groups: list[list[T]] = []
    for item in items:
        if groups and together(item, groups[-1][-1]):
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups
