"""Texts of every kind, of which an archive's tokenizer has to make the ids that transformers' tokenizer makes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from scripts.console import Failure

TEXTS = (
    "",
    " ",
    "The ferry crosses the river twice a day, doesn't it?",
    "  leading, trailing and   several spaces  ",
    "tabs\tand\nnew lines\r\nof two kinds\n\n",
    "UPPER CASE, CamelCase and mIXED",
    "deux fois par jour, même en hiver; l'élève à Noël",
    "El niño ¿quién? ¡Mañana! Żółć, łódź, đại, ǅ",
    "Die FÄHRE fährt über den FLUSS, GROẞE Straße, ÄÖÜ äöü",
    "ISPARTA ısparta İstanbul istanbul",
    "cafe\u0301 e\u0308 n\u0303 o\u0302\u0301",
    "ﬁne ﬂow ½ ² № ™ Ａｂｃ１２",
    "Паром пересекает РЕКУ, ёж й",
    "Το πλοίο περνά το ΠΟΤΆΜΙ, ΟΔΥΣΣΕΎΣ",
    "渡船每天两次过河，没有人介意下雨。",
    "river渡船 ferry你好mixed",
    "フェリーは一日に二回、川を渡ります。 ｶﾀｶﾅ がぎぐ か\u3099",
    "나룻배는 하루에 두 번 강을 건넌다. \u1112\u1161\u11ab",
    "เรือข้ามฟากวันละสองครั้ง ไม่มีใครสนใจฝน",
    "تعبر العبارة النهر مَرَّتَيْنِ في اليوم ٣",
    "המעבורת חוֹצָה את הנהר",
    "नाव दिन में दो बार नदी पार करती है।",
    "🙂 👩‍👩‍👧‍👦 👍🏽 🇵🇹 ❤️",
    "null\x00 bell\x07 escape\x1b delete\x7f soft\xadhyphen \ufffd",
    "zero\u200bwidth\u200d no\u00a0break\u2009thin\u3000wide \ufeffmark \u202eright",
    "\U0001d4d0\U0001d7d8 𐍈 \ue000",
    "1 23 456 7890 12.50 1,000,000 1e-9 0x1F 2026-11-27 10:45",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ … — “quotes” ‘single’ «guillemets» €",
    "https://user@example.org:8080/a_b/c-d?e=f&g=%20#h me@example.org",
    "def f(x): return x**2 if x != 0 else None  # comment",
    "can't won't I'm you've they'd CAN'T",
    "[MASK] [CLS] [SEP] [PAD] [UNK] a[MASK]b [mask]",
    "<mask> <s> </s> <pad> <unk> a<mask>b <mask > <MASK>",
    "the <mask>. Then </s></s> and  [SEP]  spaces",
    "▁ Ġ ## ##ing ▁the Ġthe @@",
    "a" * 101,
    "b" * 150 + " " + "ab" * 110,
    "é" * 250,
)
"""Scripts, case, accents, spaces, symbols, special tokens as somebody types them, and words too long for WordPiece."""
PAIRS = (("What is the capital?", "Lisbon is."), ("", "nothing before"), (" [MASK] a", "</s> b "), ("你好", "🙂"))
SHOWN = 12
"""Ids of each tokenizer that a message shows, from shortly before the first that differs."""


def check(ours: Tokenizer, theirs: Any, folder: Path) -> None:
    """Compare ids of `TEXTS`, `PAIRS` and the added tokens between words.

    Args:
        ours: read from the archive's file.
        theirs: transformers' tokenizer.
        folder: of the checkpoint.

    Raises:
        Failure: a text gives other ids.
    """
    ours.no_padding()
    ours.no_truncation()
    added = [token.content for token in theirs.added_tokens_decoder.values()]
    typed = tuple(f"the {token} a{token}b  {token}{token.upper()}" for token in added)
    compare(ours, theirs, folder, (*TEXTS, *typed))
    compare(ours, theirs, folder, *map(list, zip(*PAIRS, strict=True)))


def compare(
    ours: Tokenizer, theirs: Any, folder: Path, texts: Sequence[str], pairs: Sequence[str] | None = None
) -> None:
    """`check`, of texts or of pairs."""
    given: list[Any] = list(texts) if pairs is None else list(zip(texts, pairs, strict=True))
    try:
        found = [encoding.ids for encoding in ours.encode_batch(given)]
        wanted: list[list[int]] = theirs(list(texts), pairs, verbose=False)["input_ids"]
    except Exception as error:  # of any kind, as a class fails that reads more than text, or a vocabulary without [UNK]
        raise Failure(f"{type(theirs).__name__} of {folder} takes no plain text: {error}") from None
    for text, own, their in zip(given, found, wanted, strict=True):
        if own != their:
            raise difference(theirs, folder, [text] if isinstance(text, str) else text, own, their)


def difference(theirs: Any, folder: Path, texts: Sequence[str], found: Sequence[int], wanted: Sequence[int]) -> Failure:
    """What to say of a text or a pair with other ids."""
    shared = next((at for at, ids in enumerate(zip(found, wanted, strict=False)) if ids[0] != ids[1]), 0)
    start = max(shared - 2, 0)
    shown = " and ".join(repr(part if len(part) <= 80 else f"{part[:77]}...") for part in texts)
    return Failure(
        f"the tokenizer of {folder} gives other ids in an archive than AutoTokenizer does, of {shown}",
        why=f"from token {start} of {len(found)}: {list(found[start : start + SHOWN])}\n"
        f"AutoTokenizer's, of {len(wanted)}: {list(wanted[start : start + SHOWN])}",
        fix="save the folder again with AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
        if theirs.is_fast
        else f"{type(theirs).__name__} is written in Python; name the class of tokenizer.json in tokenizer_config.json",
    )
