"""Texts that nobody would choose, from a seed: every script and space, and a tokenizer's own tokens in odd places."""

from __future__ import annotations

import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from random import Random

from benchmarks.gpu import vocabularies

SENTENCES = [line for line in vocabularies.TEXT.splitlines() if line]
WORDS = vocabularies.TEXT.split()
BLANK = ("", " ", "  ", "\n", "\t", "\u3000", "\u00a0", "\u200b", "\ufeff", "\x00")
JOINTS = (
    "",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u2009",
    "\u3000",
    "\u200b",
    "\u2028",
    ".",
    ",",
    "-",
    "_",
    "▁",
    "Ġ",
    "##",
)
EMOJI = ("🙂", "👩‍👩‍👧‍👦", "👍🏽", "🇵🇹", "❤️", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "☎", "㊙")
BLOCK = 96
"""Code points beside each other that a word's letters are of: about a script."""


ASSIGNED = range(0x32000), range(0xE0000, 0xE0200)
"""Code points that may be assigned, but for private planes."""


@cache
def code_points(category: str) -> list[str]:
    """All characters of a category such as `L` or `M`."""
    return by_category()[category]


@cache
def by_category() -> dict[str, list[str]]:
    """Characters by the first letter of their category, surrogates left out."""
    found = defaultdict(list)
    for char in map(chr, chain(*ASSIGNED)):
        kind = unicodedata.category(char)
        if kind != "Cs":
            found[kind[0]].append(char)
    return found


def letters(random: Random, tokens: Sequence[str]) -> str:
    """Words of one script."""
    start = random.randrange(len(code_points("L")) - BLOCK)
    if random.random() < 0.7:  # the scripts before the ideographs, which are most of all letters
        start = random.randrange(3000)
    block = code_points("L")[start : start + BLOCK]
    return " ".join("".join(random.choices(block, k=random.randrange(1, 9))) for _ in range(random.randrange(1, 8)))


def spaced(random: Random, tokens: Sequence[str]) -> str:
    """Words with spaces of all kinds between and around them."""
    spaces = [*code_points("Z"), *"\t\n\r\x0b\x0c\x85\u200b\u2060\ufeff"]
    joined = [word + "".join(random.choices(spaces, k=random.randrange(3))) for word in random.choices(WORDS, k=9)]
    return "".join(random.choices(spaces, k=random.randrange(3))) + "".join(joined)


def typed(random: Random, tokens: Sequence[str]) -> str:
    """The tokenizer's own tokens as somebody types them."""
    forms: tuple[Callable[[str], str], ...] = (
        str,
        str,
        str,
        str.upper,
        str.lower,
        str.title,
        lambda text: text[:-1],
        lambda text: text * 2,
    )
    parts = [random.choice((random.choice(forms)(random.choice(tokens)), random.choice(WORDS))) for _ in range(7)]
    return "".join(part + random.choice(JOINTS) for part in parts)


def long_words(random: Random, tokens: Sequence[str]) -> str:
    """Words around the lengths at which a WordPiece gives up."""
    return " ".join(random.choice("aé渡") * random.choice((4, 5, 6, 99, 100, 101, 160)) for _ in range(2))


def control(random: Random, tokens: Sequence[str]) -> str:
    """Control, format and private characters in and between words."""
    odd = code_points("C")[: 2 << 10]
    return "".join(word + random.choice(odd) + random.choice(" \x00a") for word in random.choices(WORDS, k=6))


def combined(random: Random, tokens: Sequence[str]) -> str:
    """Letters under marks, composed or not."""
    text = "".join(
        letter + "".join(random.choices(code_points("M"), k=random.randrange(3))) for letter in random.choice(WORDS) * 2
    )
    return unicodedata.normalize(random.choice(("NFC", "NFD", "NFKC", "NFKD")), text + " " + random.choice(SENTENCES))


def pictures(random: Random, tokens: Sequence[str]) -> str:
    """Emoji and symbols beside words."""
    return "".join(
        random.choice((random.choice(EMOJI), random.choice(code_points("S")), random.choice(WORDS), " "))
        for _ in range(12)
    )


def numbers(random: Random, tokens: Sequence[str]) -> str:
    """Digits and other numbers, with punctuation."""
    return "".join(
        random.choice((random.choice(code_points("N")), random.choice(code_points("P")), "7", "12", " "))
        for _ in range(20)
    )


def noise(random: Random, tokens: Sequence[str]) -> str:
    """Any code points."""
    points = (random.randrange(sys.maxunicode + 1 >> random.choice((0, 4, 8))) for _ in range(16))
    return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)


def sentence(random: Random, tokens: Sequence[str]) -> str:
    """Plain text, in some case."""
    return random.choice((str, str, str.upper, str.lower, str.title, str.swapcase))(random.choice(SENTENCES))


KINDS = (
    letters,
    spaced,
    typed,
    typed,
    typed,
    long_words,
    control,
    combined,
    pictures,
    numbers,
    noise,
    sentence,
    sentence,
)


def texts(tokens: Sequence[str], count: int, seed: str) -> list[str]:
    """`count` texts, of which the first are blank.

    Args:
        tokens: the tokenizer's added and special ones.
        count: how many.
        seed: the same texts for the same.
    """
    random = Random(seed)
    made = (KINDS[number % len(KINDS)](random, tokens or ["[MASK]"]) for number in range(count))
    return [*BLANK, *made][:count]
