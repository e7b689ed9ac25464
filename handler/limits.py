"""What a request may hold: limits of the archive, refused before any time is spent on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from handler.config import HandlerConfig
from handler.errors import Empty, Invalid, TooLarge
from handler.types import Text

Blank = Literal["refused", "spaces", "taken"]
"""What a protocol does with a text without any word: it refuses each, or those without a character, or it takes them.

One that is taken is encoded as the tokenizer does: as the special tokens alone, or with tokens of its spaces where the
vocabulary is one of bytes."""


def characters(text: Text) -> int:
    """How much there is to read; a token id counts as one character, since a token has at least one."""
    return len(text) if isinstance(text, str | list) else sum(map(len, text))


def numbered(index: int, total: int) -> str:
    """`text 2 of 3`."""
    return f"text {index + 1} of {total}"


def check(
    texts: Sequence[Text],
    config: HandlerConfig,
    vocabulary: int,
    blank: Blank = "refused",
    place: Callable[[int, int], str] = numbered,
    listed: int | None = None,
) -> None:
    """Refuse what no truncation can serve.

    Args:
        texts: of one request.
        config: has the limits.
        vocabulary: number of token ids.
        blank: see `Blank`.
        place: what the client calls a text, by its index and their number; see `Task.place`.
        listed: how many of the texts count for the limit; see `Task.listed`.

    Raises:
        Empty: no text, or one without any word.
        Invalid: an id that is not in the vocabulary.
        TooLarge: more texts or characters than the limits.
    """
    if not texts:
        raise Empty("there is no text; send at least one")
    check_count(len(texts) if listed is None else listed, config)
    size = sum(map(characters, texts))
    if size > config.max_characters:
        raise TooLarge(
            f"{size} characters in one request, the limit is {config.max_characters}; "
            "send several requests or raise handler.max_characters"
        )
    for index, text in enumerate(texts):
        if isinstance(text, list):
            check_ids(text, vocabulary, f"{index + 1} of {len(texts)}")
        elif blank != "taken" and is_empty(text, blank):
            raise Empty(f"{place(index, len(texts))} is empty")


def check_count(count: int, config: HandlerConfig) -> None:
    """Refuse more texts than the limit."""
    if count > config.max_texts:
        raise TooLarge(
            f"{count} texts in one request, the limit is {config.max_texts}; "
            "send several requests or raise handler.max_texts"
        )


def is_empty(text: str | tuple[str, str], blank: Blank) -> bool:
    """Whether a text is refused; a pair is where one of its texts is blank, or by `spaces` where both are `""`."""
    parts = (text,) if isinstance(text, str) else text
    return not any(parts) if blank == "spaces" else not all(part.strip() for part in parts)


def check_ids(ids: Sequence[int], vocabulary: int, which: str) -> None:
    """Refuse token ids of another tokenizer."""
    if not ids:
        raise Invalid(f"token ids {which} are empty")
    for token in ids:
        if not 0 <= token < vocabulary:
            raise Invalid(
                f"token id {token} in {which} is outside the vocabulary of {vocabulary}; "
                "send ids of this model's tokenizer, or text"
            )
