"""What is done to what is too long: a sequence for the model, a list for the memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Literal, NamedTuple, TypeVar

from handler.config import Truncation
from handler.errors import TooLarge
from handler.types import Encoding

T = TypeVar("T")


PairTruncation = Literal["longest_first", "only_first"]
"""Which text of a pair is cut, by transformers' names."""


class Cut(NamedTuple):
    """What is done to the texts of a request that are too long; see `truncate`."""

    policy: Truncation
    limit: int
    overlap: int = 0
    pairs: PairTruncation = "longest_first"


def truncate(
    encoding: Encoding, policy: str, limit: int, overlap: int = 0, pairs: PairTruncation = "longest_first"
) -> list[Encoding]:
    """Cut one encoding to `limit` tokens, its special tokens kept where they are.

    Returns one encoding, or under the policy `windows` as many as its tokens fill, in order, each sharing `overlap`
    tokens with the one before. Windows of a pair all hold its first text whole, or by `only_first` its second.

    Raises:
        TooLarge: the encoding is longer than `limit` and the policy is `error`, or there is no room for windows.
    """
    if len(encoding) <= limit:
        return [encoding]
    if policy == "error":
        raise TooLarge(
            f"a text of {len(encoding)} tokens is longer than the model's {limit}; "
            'shorten it or let it be cut ("truncation": right, left or windows; "truncate" for clients that have that)'
        )
    *whole, body = ranges = encoding.text_ranges[::-1] if pairs == "only_first" else encoding.text_ranges
    special_indices = [index for index, special in enumerate(encoding.special) if special]
    room = limit - len(special_indices)
    if policy == "windows":
        return windows(encoding, special_indices, whole, body, room - sum(map(len, whole)), overlap)
    kept = KEPT[pairs]([*map(len, ranges)], room)
    parts = [
        part[:length] if policy == "right" else part[len(part) - length :]
        for part, length in zip(ranges, kept, strict=True)
    ]
    return [select_tokens(encoding, special_indices, parts, parts[-1].start - body.start)]


def longest_first(lengths: list[int], room: int) -> list[int]:
    """How much of each text of a pair stays: the longer one is cut first, as transformers' `longest_first` does."""
    if len(lengths) == 1:
        return [room]
    less, more = sorted(lengths)
    least = min(less, room // 2)
    most = min(more, room - least)
    return [least, most] if lengths[0] <= lengths[1] else [most, least]


def only_first(lengths: list[int], room: int) -> list[int]:
    """All of a pair's second text, which comes first in `lengths`, and of its first what there is room for."""
    *whole, _ = lengths
    left = room - sum(whole)
    if left < 1:
        raise TooLarge(
            f"{sum(whole)} tokens of the text that stays whole leave room for {left} of the other; shorten it"
        )
    return [*whole, left]


KEPT = {"longest_first": longest_first, "only_first": only_first}
"""How much of each text stays."""


def windows(
    encoding: Encoding, special_indices: list[int], whole: list[range], body: range, room: int, overlap: int
) -> list[Encoding]:
    """Every token of `body`, `room` at a time, beside the texts that stay `whole`."""
    if room <= overlap:
        raise TooLarge(
            f"{sum(map(len, whole))} tokens of the text that stays whole leave room for {max(room, 0)} of the other, "
            f"and windows overlap by {overlap}; shorten that text or the overlap"
        )
    count = 1 + math.ceil(max(0, len(body) - room) / (room - overlap))
    starts = [number * (room - overlap) for number in range(count)]
    return [select_tokens(encoding, special_indices, [*whole, body[start : start + room]], start) for start in starts]


def select_tokens(encoding: Encoding, special_indices: list[int], parts: list[range], first: int) -> Encoding:
    """The special tokens, at the places `special_indices`, and the tokens of each text that are in `parts`."""
    indices = sorted(chain(special_indices, *parts))

    def keep(values: list[T]) -> list[T]:
        return [values[index] for index in indices] if values else values

    return Encoding(
        keep(encoding.ids),
        keep(encoding.type_ids),
        keep(encoding.special),
        keep(encoding.offsets),
        keep(encoding.word_ids),
        first,
        keep(encoding.sequence_ids),
    )


def chunk_by_size(items: Iterable[T], size: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """The items in order, cut where their sizes would add up to more than `most`; a larger one is alone."""
    portion: list[T] = []
    total = 0
    for item in items:
        more = size(item)
        if portion and total + more > most:
            yield portion
            portion, total = [], 0
        portion.append(item)
        total += more
    if portion:
        yield portion
