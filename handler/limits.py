"""What a request may hold: limits of the archive, refused before any time is spent on it."""

from __future__ import annotations

from collections.abc import Sequence

from handler.config import HandlerConfig
from handler.errors import Invalid, TooLarge
from handler.types import Text


def characters(text: Text) -> int:
    """How much there is to read; a token id counts as one character, since a token has at least one."""
    return len(text) if isinstance(text, str | list) else sum(map(len, text))


def check(texts: Sequence[Text], config: HandlerConfig, vocabulary: int) -> None:
    """Refuse what no truncation can serve.

    Args:
        texts: of one request.
        config: has the limits.
        vocabulary: number of token ids.

    Raises:
        Invalid: no text, an empty text, an id that is not in the vocabulary.
        TooLarge: more texts or characters than the limits.
    """
    if not texts:
        raise Invalid("there is no text; send at least one")
    if len(texts) > config.max_texts:
        raise TooLarge(
            f"{len(texts)} texts in one request, the limit is {config.max_texts}; "
            "send several requests or raise handler.max_texts"
        )
    size = sum(map(characters, texts))
    if size > config.max_characters:
        raise TooLarge(
            f"{size} characters in one request, the limit is {config.max_characters}; "
            "send several requests or raise handler.max_characters"
        )
    for number, text in enumerate(texts, 1):
        if isinstance(text, list):
            check_ids(text, vocabulary, f"{number} of {len(texts)}")
        elif not all(part.strip() for part in ((text,) if isinstance(text, str) else text)):
            raise Invalid(f"text {number} of {len(texts)} is empty")


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
