"""Texts and token ids that nobody would think of, and what the models of these archives cannot take of them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

VOCABULARY, SIZE = 30522, 384
"""Of all-MiniLM-L6-v2."""
CHARACTERS = 2_000_000
"""Of one request, where an archive sets no `max_characters` of its own."""
WINDOW = 500
"""Words of a text that no archive here takes whole; other texts here fit every one, two at a time."""
TEXTS = ["a", "Hello, how are you?", "größer als da", "שלום עולם", "مرحبا بالعالم", "你好，世界", "Привет", "ﷺ", "𝔘𝔫𝔦"]
TEXTS += [
    "👩‍👩‍👧‍👦 🇩🇪",
    "\u202eabc\u202c",
    "e\u0301\u0302",
    "\x00\x01\x1f\x7f",
    "\t\n\r",
    " ",
    "\ufeff",
    "\u200b",
    "\u2028",
]
TEXTS += [
    "x" * 200,
    "[MASK] [SEP] [CLS]",
    "<|endoftext|>",
    '"\\/',
    '{"a": 1}',
    "\U0010ffff",
    "\ufffd",
    "null",
    "a=b&c=d",
]
LONG = ["word " * 700, "größer, " * 600, "你 " * 1500, ("x" * 300 + " ") * 510]


def text(dice: random.Random) -> str:
    """Often a known one, sometimes of any characters, long or empty."""
    kind = dice.random()
    if kind < 0.003:
        return ""
    if kind < 0.03:
        return dice.choice(LONG)
    return dice.choice(TEXTS) if kind < 0.7 else "".join(character(dice) for _ in range(dice.randrange(1, 9)))


def character(dice: random.Random) -> str:
    """Any but a surrogate, which JSON in UTF-8 cannot hold."""
    code = dice.choice([dice.randrange(0x20, 0x7F), dice.randrange(0xD800), dice.randrange(0xE000, 0x110000)])
    return chr(code)


def token(dice: random.Random) -> int:
    """Seldom outside the vocabulary."""
    return dice.choice([VOCABULARY, 2**31 - 1]) if dice.random() < 0.003 else dice.randrange(VOCABULARY)


def refused(texts: Iterable[Any]) -> str:
    """Why the model cannot take one of these texts or lists of ids; empty where it can."""
    listed = list(texts)
    if sum(map(len, listed)) > CHARACTERS:
        return "more characters than a request may have"
    for each in listed:
        if not each:
            return "an empty text"
        if isinstance(each, list) and not all(0 <= number < VOCABULARY for number in each):
            return "an id outside the vocabulary"
    return ""


def longer(texts: Iterable[Any]) -> bool:
    """Whether one of them has to be truncated."""
    return any((each if isinstance(each, str) else "").count(" ") > WINDOW for each in texts)
