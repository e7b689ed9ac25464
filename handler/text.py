"""Texts to token ids: one `tokenizers` call for a whole batch, then each request's own policy for what is too long."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import tokenizers

from handler.call import Call, Encoding, Text, pending
from handler.config import HandlerConfig
from handler.deadline import Deadline
from handler.errors import Invalid, Overloaded, TooLarge
from handler.truncation import chunk_by_size, truncate

CHARACTERS_AT_ONCE = 1_000_000
"""About 200 MB of tokens while they are being cut."""


class TextEncoder:
    """The archive's tokenizer and its limits."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, config: HandlerConfig) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()  # a tokenizer.json may carry both; length is decided here, per request
        self.tokenizer = tokenizer
        self.config = config
        self.vocabulary = tokenizer.get_vocab_size()
        unknown = getattr(tokenizer.model, "unk_token", None) or "<unk>"  # a Unigram model does not say
        self.unknown = tokenizer.token_to_id(unknown)
        self.prefixed = bool(getattr(tokenizer.model, "continuing_subword_prefix", None))
        self.padding = next((id for id in map(tokenizer.token_to_id, ("[PAD]", "<pad>")) if id is not None), 0)
        self.mask = next((id for id in map(tokenizer.token_to_id, ("[MASK]", "<mask>")) if id is not None), None)
        probe = tokenizer.encode("a")
        self.prefix = probe.ids[: probe.special_tokens_mask.index(0)]
        self.suffix = probe.ids[len(probe.ids) - probe.special_tokens_mask[::-1].index(0) :]

    @classmethod
    def load(cls, file: Path, config: HandlerConfig) -> TextEncoder:
        """Read a `tokenizer.json`."""
        return cls(tokenizers.Tokenizer.from_file(str(file)), config)

    def name(self, id: int) -> str:
        """A token as the vocabulary writes it."""
        return self.tokenizer.id_to_token(id) or ""

    def join(self, tokens: list[str]) -> str:
        """Tokens as the vocabulary writes them to text."""
        decoder = self.tokenizer.decoder
        return decoder.decode(tokens) if decoder else " ".join(tokens)

    def is_subword(self, id: int, text: str, start: int, stop: int) -> bool:
        """Whether a token goes on with a word, by transformers' rule.

        With a prefix such as `##` a token inside a word is longer than its place in the text. Without one, a token
        begins a word where there is a space before or at its start.
        """
        if id == self.unknown:
            return False
        if self.prefixed:
            return len(self.name(id)) != stop - start
        return start > 0 and " " not in text[start - 1 : start + 1]

    def validate(self, texts: Sequence[Text]) -> None:
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
        size = sum(map(characters, texts))
        if size > self.config.max_characters:
            raise TooLarge(
                f"{size} characters in one request, the limit is {self.config.max_characters}; "
                "send several requests or raise handler.max_characters"
            )
        for number, text in enumerate(texts, 1):
            if isinstance(text, list):
                self._validate_ids(text, number, len(texts))
            elif not all(part.strip() for part in ((text,) if isinstance(text, str) else text)):
                raise Invalid(f"text {number} of {len(texts)} is empty")

    def _validate_ids(self, ids: list[int], number: int, total: int) -> None:
        if not ids:
            raise Invalid(f"token ids {number} of {total} are empty")
        for token in ids:
            if not 0 <= token < self.vocabulary:
                raise Invalid(
                    f"token id {token} in {number} of {total} is outside the vocabulary of {self.vocabulary}; "
                    "send ids of this model's tokenizer, or text"
                )

    def encode(self, calls: Sequence[Call], deadline: Deadline) -> None:
        """Fill `encodings`, `tokens` and `truncated` of every call that is alive.

        One tokenizers call encodes all texts, or two, where only some need places; a batch or a request of more than
        `CHARACTERS_AT_ONCE` takes several, so that what is cut off never fills the memory. No request is begun after
        `deadline`.
        """
        for some in chunk_by_size(pending(calls), reading, CHARACTERS_AT_ONCE):
            if deadline.passed:
                for call in some:
                    call.error = Overloaded("not read within the time a batch may take; send it again")
            else:
                self.encode_some(some)

    def encode_some(self, calls: Sequence[Call]) -> None:
        """`encode`, for calls that fit into memory together."""
        for placed, encode in ((False, self.tokenizer.encode_batch_fast), (True, self.tokenizer.encode_batch)):
            some = [call for call in calls if call.task is not None and call.task.needs_offsets is placed]
            texts = [text for call in some for text in call.texts if not isinstance(text, list)]
            whole = (found for part in chunk_by_size(texts, characters, CHARACTERS_AT_ONCE) for found in encode(part))
            for call in some:
                own = (
                    self.add_special_tokens(text) if isinstance(text, list) else convert(next(whole), placed)
                    for text in call.texts
                )
                call.attempt(lambda call, own=own: self._fit(call, own))  # type: ignore[misc]
                deque(own, maxlen=0)  # what a call that failed left unread

    def _fit(self, call: Call, whole: Iterable[Encoding]) -> None:
        """Cut one after the other: uncut, the texts of a large request would fill the memory."""
        assert call.task is not None
        assert call.request is not None
        policy = call.request.truncation or self.config.truncation or call.task.truncation
        limit = self.config.max_length if call.task.truncates else sys.maxsize
        overlap = min(call.task.overlap(call.request), limit // 2)
        for encoding in whole:
            windows = truncate(encoding, policy, limit, overlap)
            call.encodings.append(windows)
            call.truncated += sum(map(len, windows)) < len(encoding)
        call.tokens = sum(map(len, chain.from_iterable(call.encodings)))

    def add_special_tokens(self, ids: list[int]) -> Encoding:
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


def characters(text: Text) -> int:
    """How much there is to read; a token id counts as one character, since a token has at least one."""
    return len(text) if isinstance(text, str | list) else sum(map(len, text))


def reading(call: Call) -> int:
    """`characters` of all texts of a call."""
    return sum(map(characters, call.texts))


def convert(encoding: tokenizers.Encoding, placed: bool = False) -> Encoding:
    """From the tokenizers library's own type; `encode_batch_fast` gives no places."""
    places = (encoding.offsets, encoding.word_ids) if placed else ()
    return Encoding(encoding.ids, encoding.type_ids, encoding.special_tokens_mask, *places)
