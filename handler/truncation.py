"""What is done to what is too long: a sequence for the model, a list for the memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeVar

from handler.errors import TooLarge
from handler.types import Encoding

T = TypeVar("T")


def truncate(encoding: Encoding, policy: str, limit: int, overlap: int = 0) -> list[Encoding]:
    """Cut one encoding to `limit` tokens, its special tokens kept where they are.

    Returns one encoding, or under the policy `windows` as many as its tokens fill, in order, each sharing `overlap`
    tokens with the one before. Windows of a pair all hold its first text whole.

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
    *before, last = ranges = encoding.text_ranges
    special_indices = [index for index, special in enumerate(encoding.special) if special]
    room = limit - len(special_indices)
    if policy == "windows":
        return windows(encoding, special_indices, before, last, room - sum(map(len, before)), overlap)
    kept = longest_first([len(body) for body in ranges], room)
    parts = [
        body[:length] if policy == "right" else body[len(body) - length :]
        for body, length in zip(ranges, kept, strict=True)
    ]
    return [select_tokens(encoding, special_indices, parts, parts[-1].start - last.start)]


def longest_first(lengths: list[int], room: int) -> list[int]:
    """How much of each text of a pair stays: the longer one is cut first, as transformers' `longest_first` does."""
    if len(lengths) == 1:
        return [room]
    less, more = sorted(lengths)
    least = min(less, room // 2)
    most = min(more, room - least)
    return [least, most] if lengths[0] <= lengths[1] else [most, least]


def windows(
    encoding: Encoding, special_indices: list[int], before: list[range], body: range, room: int, overlap: int
) -> list[Encoding]:
    """Every token of `body`, `room` at a time, after the texts `before` it."""
    if room <= overlap:
        raise TooLarge(
            f"{sum(map(len, before))} tokens of the first text leave room for {max(room, 0)} of the second, and "
            f"windows overlap by {overlap}; shorten the first text or the overlap"
        )
    count = 1 + math.ceil(max(0, len(body) - room) / (room - overlap))
    starts = [number * (room - overlap) for number in range(count)]
    return [select_tokens(encoding, special_indices, [*before, body[start : start + room]], start) for start in starts]


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
