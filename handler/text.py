"""Texts to token ids: one `tokenizers` call for a whole batch, then each request's own policy for what is too long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

import tokenizers

from handler.call import Call, Encoding, Text, alive
from handler.config import HandlerConfig
from handler.errors import Invalid, TooLarge

T = TypeVar("T")


class TextEncoder:
    """The archive's tokenizer and its limits."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, config: HandlerConfig) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()  # a tokenizer.json may carry both; length is decided here, per request
        self.tokenizer = tokenizer
        self.config = config
        self.vocabulary = tokenizer.get_vocab_size()
        probe = tokenizer.encode("a")
        self.prefix = probe.ids[: probe.special_tokens_mask.index(0)]
        self.suffix = probe.ids[len(probe.ids) - probe.special_tokens_mask[::-1].index(0) :]

    @classmethod
    def load(cls, file: Path, config: HandlerConfig) -> TextEncoder:
        """Read a `tokenizer.json`."""
        return cls(tokenizers.Tokenizer.from_file(str(file)), config)

    def admit(self, texts: Sequence[Text]) -> None:
        """Refuse what no policy can serve, before any time is spent on it.

        Raises:
            Invalid: no text, an empty text, an id that is not in the vocabulary.
            TooLarge: more texts or characters than the archive's limits.
        """
        if not texts:
            raise Invalid("there is no text; send at least one")
        if len(texts) > self.config.max_texts:
            raise TooLarge(
                f"{len(texts)} texts in one request, the limit is {self.config.max_texts}; "
                "send several requests or raise handler.max_texts"
            )
        for number, text in enumerate(texts, 1):
            if isinstance(text, list):
                self._admit_ids(text, number, len(texts))
                continue
            for part in (text,) if isinstance(text, str) else text:
                self._admit_part(part, number, len(texts))

    def _admit_part(self, part: str, number: int, total: int) -> None:
        if not part.strip():
            raise Invalid(f"text {number} of {total} is empty")
        if len(part) > self.config.max_characters:
            raise TooLarge(
                f"text {number} of {total} has {len(part)} characters, the limit is {self.config.max_characters}; "
                "send it in parts or raise handler.max_characters"
            )

    def _admit_ids(self, ids: list[int], number: int, total: int) -> None:
        if not ids:
            raise Invalid(f"token ids {number} of {total} are empty")
        if len(ids) > self.config.max_characters:  # a token is at least one character
            raise TooLarge(f"{len(ids)} token ids in {number} of {total}, the limit is {self.config.max_characters}")
        for token in ids:
            if not 0 <= token < self.vocabulary:
                raise Invalid(
                    f"token id {token} in {number} of {total} is outside the vocabulary of {self.vocabulary}; "
                    "send ids of this model's tokenizer, or text"
                )

    def encode(self, calls: Sequence[Call]) -> None:
        """Fill `encodings`, `tokens` and `truncated` of every call that is alive."""
        calls = alive(calls)
        texts = [text for call in calls for text in call.texts if not isinstance(text, list)]
        encoded = iter(self.tokenizer.encode_batch(texts))
        for call in calls:
            whole = [self.wrap(text) if isinstance(text, list) else convert(next(encoded)) for text in call.texts]
            call.attempt(lambda call, whole=whole: self._fit(call, whole))  # type: ignore[misc]

    def _fit(self, call: Call, whole: list[Encoding]) -> None:
        assert call.task is not None
        assert call.request is not None
        policy = call.request.truncation or self.config.truncation
        limit = self.config.max_length if call.task.bounded else max(map(len, whole))
        call.encodings = [self.fit(encoding, policy, limit) for encoding in whole]
        call.truncated = sum(
            sum(map(len, windows)) < len(encoding) for windows, encoding in zip(call.encodings, whole, strict=True)
        )
        call.tokens = sum(map(len, chain.from_iterable(call.encodings)))

    def wrap(self, ids: list[int]) -> Encoding:
        """Ids sent by a client, with this model's special tokens around them unless they are there already."""
        head, tail = len(self.prefix), len(self.suffix)
        bare = ids[:head] != self.prefix or ids[len(ids) - tail :] != self.suffix or len(ids) < head + tail
        body = ids if bare else ids[head : len(ids) - tail]
        return Encoding(
            ids=[*self.prefix, *body, *self.suffix],
            type_ids=[0] * (head + len(body) + tail),
            special=[1] * head + [0] * len(body) + [1] * tail,
            offsets=[(0, 0)] * (head + len(body) + tail),
        )

    def fit(self, encoding: Encoding, policy: str, limit: int) -> list[Encoding]:
        """Cut one encoding to `limit` tokens, its special tokens kept at both ends.

        Returns one encoding, or under the policy `windows` as many as its tokens fill, in order and without overlap.

        Raises:
            TooLarge: the encoding is longer than `limit` and the policy is `error`.
        """
        if len(encoding) <= limit:
            return [encoding]
        if policy == "error":
            raise TooLarge(
                f"a text of {len(encoding)} tokens is longer than the model's {limit}; "
                'shorten it or set "truncation" to right, left or windows'
            )
        head, tail = len(self.prefix), len(self.suffix)
        first, last, room = head, len(encoding) - tail, limit - head - tail
        starts = {"right": [first], "left": [last - room], "windows": range(first, last, room)}[policy]
        return [cut(encoding, head, start, min(start + room, last), tail) for start in starts]


def convert(encoding: tokenizers.Encoding) -> Encoding:
    """From the tokenizers library's own type."""
    return Encoding(encoding.ids, encoding.type_ids, encoding.special_tokens_mask, encoding.offsets)


def cut(encoding: Encoding, head: int, start: int, stop: int, tail: int) -> Encoding:
    """The first `head` tokens, those from `start` to `stop`, and the last `tail`."""
    end = len(encoding) - tail

    def keep(values: list[T]) -> list[T]:
        return values[:head] + values[start:stop] + values[end:]

    return Encoding(keep(encoding.ids), keep(encoding.type_ids), keep(encoding.special), keep(encoding.offsets))
