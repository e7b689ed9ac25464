"""Long texts that will be cut are not tokenized whole: the part from which all tokens come that stay.

Tokenizers that split texts into words make the tokens of a word from the word alone. So a text may be parted where all
of them begin a word, and the tokens of both parts are those of the whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import tokenizers

from handler.truncation import Cut
from handler.types import Encoding, Text

NEAR, FAR = 8, 64
"""Characters per token of the first part that is tried, and of a second one where its tokens are too few."""
LETTER = "[^\\W_\u0d4e\U000111c2\U000111c3\U000113d1\U0001193f\U00011941\U00011a3a\U00011a84-\U00011a89\U00011d46]"
"""A letter or digit, but those that make one grapheme with what follows (`Prepend` of Unicode's annex 29)."""
SPACE = f"(?<={LETTER})(?= {LETTER})"
IDEOGRAPH = "[\u4e00-\u9fff]"
"""Words by themselves, where a tokenizer puts spaces around them."""
NORMALIZERS = {
    *("BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "Prepend", "Strip"),
    "StripAccents",
}
"""Normalizers of `tokenizers` that look no farther than a space between two letters, and leave it there."""
REPLACED = [{"Regex": " {2,}"}, {"String": "``"}, {"String": "''"}]
"""Patterns of `Replace` of which that is true, too: those of tokenizers that were made of sentencepiece's."""
SPLITS = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit"}
"""Pre-tokenizers that split there, and leave no spaces."""
OPTIONAL = {"ByteLevel": "use_regex", "Metaspace": "split"}
"""Those that may, and the key that says so."""
FURTHER = {"Digits", "Punctuation"}
"""Those that split elsewhere, and leave spaces."""


class Excerpts:
    """Parts of texts, for one tokenizer."""

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        self.boundary = boundary(tokenizer)
        self.from_middle = self.boundary is not None and same_in_middle(tokenizer)

    def of(self, text: Text, cut: Cut, with_offsets: bool, width: int) -> Text:
        """The part of a text that is worth a try, `width` characters per token; the text itself where there is none.

        A part of what `left` leaves has other offsets, so tasks that read those get the text. Of a pair one text
        may be parted, where the other one is short; of `only_first` it is the first.
        """
        able = self.boundary is not None if cut.policy == "right" else self.from_middle and not with_offsets
        if cut.policy not in ("right", "left") or not able or isinstance(text, list):
            return text
        if isinstance(text, str):
            return self.part(text, cut, width)
        first, second = self.part(text[0], cut, width), self.part(text[1], cut, width)
        if cut.pairs == "only_first":
            second = text[1]
        both = first is not text[0] and second is not text[1]
        return text if both or (first is text[0] and second is text[1]) else (first, second)

    def part(self, text: str, cut: Cut, width: int) -> str:
        """The beginning or the end of a text, about `width` characters per token; the text where that is not less."""
        assert self.boundary is not None
        least, size = width * cut.limit, len(text)
        if size <= 2 * least:
            return text
        if cut.policy == "right":
            found = self.boundary.search(text, least, 2 * least)
            return text[: found.start()] if found else text
        found = self.boundary.search(text, size - 2 * least, size - least)
        return text[found.start() :] if found else text


def suffices(encoding: Encoding, part: Text, text: Text, limit: int) -> bool:
    """Whether a part has all tokens that will stay of its text.

    What was parted has more tokens than there is room for, and the other text of a pair no more, so that it is known
    which of the two is longer and is cut first.
    """
    texts, parts = ((each,) if isinstance(each, str) else each for each in (text, part))
    room, ranges = limit - sum(encoding.special), encoding.text_ranges
    return len(ranges) == len(parts) and all(
        len(tokens) <= room if own is whole else len(tokens) > room
        for tokens, own, whole in zip(ranges, parts, texts, strict=True)
    )


def boundary(tokenizer: tokenizers.Tokenizer) -> re.Pattern[str] | None:
    """Where texts may be parted; None for a tokenizer of which it is not known."""
    normalizers, cutters = components(tokenizer.normalizer), components(tokenizer.pre_tokenizer)
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    if any(re.search(r"\S\s", content) for content in added):  # it may lie across
        return None
    if not all(map(is_local, normalizers)) or not part_words(cutters):
        return None
    spaced = any(each.get("handle_chinese_chars") for each in normalizers)
    if spaced and cutters[0]["type"] not in SPLITS:  # it sees how many spaces there are
        return None
    parted = spaced and not re.search(IDEOGRAPH, "".join(added))
    return re.compile(f"{SPACE}|(?<={IDEOGRAPH})(?={IDEOGRAPH})" if parted else SPACE)


def components(stage: Any) -> list[Mapping[str, Any]]:
    """A normalizer or pre-tokenizer, or those of a sequence, as `tokenizer.json` writes them."""
    if stage is None:
        return []
    found = json.loads(stage.__getstate__())
    return list(found.get("normalizers") or found.get("pretokenizers") or [found])


def is_local(component: Mapping[str, Any]) -> bool:
    """Whether what a normalizer does to a word depends on that word alone."""
    if component["type"] == "Replace":
        return component["pattern"] in REPLACED
    return component["type"] in NORMALIZERS


def part_words(cutters: Sequence[Mapping[str, Any]]) -> bool:
    """Whether words begin at spaces, and nothing hides those before; bytes may be written as letters afterwards."""
    before = [*takewhile(lambda each: not splits(each), cutters)]
    after = cutters[len(before) :]
    return (
        bool(after)
        and all(each["type"] in FURTHER for each in before)
        and all(each["type"] in {*FURTHER, "ByteLevel"} or splits(each) for each in after)
    )


def splits(component: Mapping[str, Any]) -> bool:
    """Whether a word begins at a space between two letters."""
    kind = component["type"]
    return kind in SPLITS or bool(kind in OPTIONAL and component.get(OPTIONAL[kind], True))


def same_in_middle(tokenizer: tokenizers.Tokenizer) -> bool:
    """Whether a text may begin with a space as it does inside another: some tokenizers put one there, or strip it.

    An added token that takes the space after it would take it from the part, too.
    """
    if any(token.rstrip for token in tokenizer.get_added_tokens_decoder().values()):
        return False
    whole, before, word = (words(tokenizer, text) for text in ("ab cd", "ab", " cd"))
    return before + word == whole


def words(tokenizer: tokenizers.Tokenizer, text: str) -> list[str]:
    """Of a text, before the vocabulary is asked, which may have none of them."""
    normalized = text if tokenizer.normalizer is None else tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]
