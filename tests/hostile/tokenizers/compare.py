"""A served tokenizer against transformers': ids, types, places, cuts, decoded texts and named tokens."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from handler.text import TextTokenizer, convert
from handler.truncation import truncate
from handler.types import Encoding
from scripts.sources.checkpoint import Checkpoint
from tests.hostile.tokenizers.texts import texts

KEYS = ("input_ids", "token_type_ids", "special_tokens_mask", "offset_mapping")
SHORT = (8, 13)
"""Lengths in tokens to which texts are cut, the special ones included."""
MEDIUM = 90
"""Tokens of the longest text that is cut: the library makes all its windows, in a time that grows with the square."""


def difference(served: TextTokenizer, theirs: Any, checkpoint: Checkpoint, count: int) -> str:
    """Where the two differ, over `count` texts and as many pairs; nothing where they do not."""
    own = [token.content for token in theirs.added_tokens_decoder.values()]
    some = texts(own, count, checkpoint.folder.name)
    parts = (of_texts(served, theirs, checkpoint, some, seconds) for seconds in (None, [*some[7:], *some[:7]]))
    return next((said for said in (*chain(*parts), named(served, theirs)) if said), "")


def of_texts(
    served: TextTokenizer, theirs: Any, checkpoint: Checkpoint, firsts: list[str], seconds: list[str] | None
) -> Iterable[str]:
    """What differs of texts or pairs: whole, cut, decoded."""
    given: list[Any] = firsts if seconds is None else list(zip(firsts, seconds, strict=True))
    ours = [convert(encoding, with_offsets=True) for encoding in served.backend.encode_batch(given)]
    fast = [encoding.ids for encoding in served.backend.encode_batch_fast(given)]
    flags = ("return_token_type_ids", "return_special_tokens_mask", "return_offsets_mapping")
    wanted = theirs(firsts, seconds, verbose=False, **dict.fromkeys(flags, True))
    for text, own, ids, *want in zip(given, ours, fast, *(wanted[key] for key in KEYS), strict=True):
        yield "" if [*of(own), ids] == [*want, want[0]] else f"{text!r}: {own.ids[:20]} {want[0][:20]}"
    some = [number for number, own in enumerate(ours) if len(own) < MEDIUM]
    pairs = None if seconds is None else [seconds[number] for number in some]
    for limit in SHORT:
        cut = theirs([firsts[number] for number in some], pairs, truncation=True, max_length=limit, verbose=False)
        for number, ids in zip(some, cut["input_ids"], strict=True):
            (short,) = truncate(ours[number], checkpoint.truncation, limit)
            yield "" if short.ids == ids else f"{given[number]!r} cut to {limit}: {short.ids} {ids}"
    for ids in wanted["input_ids"]:
        for skip in (True, False):
            own, their = served.decode(ids, skip), theirs.decode(ids, skip_special_tokens=skip)
            yield "" if own == their else f"{ids[:20]} decoded: {own!r} {their!r}"


def of(encoding: Encoding) -> list[Any]:
    """In the order of `KEYS`."""
    return [encoding.ids, encoding.type_ids, encoding.special, encoding.offsets]


def named(served: TextTokenizer, theirs: Any) -> str:
    """Which of the named tokens has another id than transformers says, where it says one."""
    own = {"pad": served.padding, "mask": served.mask, "unk": served.unknown}
    wanted = {name: getattr(theirs, f"{name}_token_id") for name in own}
    wrong = {name: (own[name], id) for name, id in wanted.items() if id not in (None, own[name])}
    return f"named tokens, ours and theirs: {wrong}" if wrong else ""
