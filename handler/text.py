"""Texts to token ids: one `tokenizers` call for a whole batch, then each request's own policy for what is too long."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import TypeVar

import tokenizers

from handler.call import Call, Encoding, Text, alive
from handler.config import HandlerConfig
from handler.errors import Invalid, Overloaded, TooLarge

T = TypeVar("T")

CHARACTERS_AT_ONCE = 1_000_000
"""About 100 MB of tokens while they are being cut."""


class TextEncoder:
    """The archive's tokenizer and its limits."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, config: HandlerConfig) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()  # a tokenizer.json may carry both; length is decided here, per request
        self.tokenizer = tokenizer
        self.config = config
        self.vocabulary = tokenizer.get_vocab_size()
        self.unknown = getattr(tokenizer.model, "unk_token", None) and tokenizer.token_to_id(tokenizer.model.unk_token)
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

    def continues(self, id: int, text: str, start: int, stop: int) -> bool:
        """Whether a token goes on with a word, by transformers' rule.

        With a prefix such as `##` a token inside a word is longer than its place in the text. Without one, a token
        begins a word where there is a space before or at its start.
        """
        if id == self.unknown:
            return False
        if self.prefixed:
            return len(self.name(id)) != stop - start
        return start > 0 and " " not in text[start - 1 : start + 1]

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
        size = sum(map(characters, texts))
        if size > self.config.max_characters:
            raise TooLarge(
                f"{size} characters in one request, the limit is {self.config.max_characters}; "
                "send several requests or raise handler.max_characters"
            )
        for number, text in enumerate(texts, 1):
            if isinstance(text, list):
                self._admit_ids(text, number, len(texts))
            elif not all(part.strip() for part in ((text,) if isinstance(text, str) else text)):
                raise Invalid(f"text {number} of {len(texts)} is empty")

    def _admit_ids(self, ids: list[int], number: int, total: int) -> None:
        if not ids:
            raise Invalid(f"token ids {number} of {total} are empty")
        for token in ids:
            if not 0 <= token < self.vocabulary:
                raise Invalid(
                    f"token id {token} in {number} of {total} is outside the vocabulary of {self.vocabulary}; "
                    "send ids of this model's tokenizer, or text"
                )

    def encode(self, calls: Sequence[Call], deadline: float = math.inf) -> None:
        """Fill `encodings`, `tokens` and `truncated` of every call that is alive.

        One tokenizers call encodes all texts; a batch of more than `CHARACTERS_AT_ONCE` takes several, so that what is
        cut off never fills the memory, and none begins after `deadline`.
        """
        for some in portions(alive(calls)):
            if monotonic() > deadline:
                for call in some:
                    call.error = Overloaded("not read within the time a batch may take; send it again")
            else:
                self.encode_some(some)

    def encode_some(self, calls: Sequence[Call]) -> None:
        """`encode`, for calls that fit into memory together."""
        texts = [text for call in calls for text in call.texts if not isinstance(text, list)]
        encoded = iter(self.tokenizer.encode_batch(texts))
        for call in calls:
            words = call.task is not None and call.task.words
            whole = [
                self.wrap(text) if isinstance(text, list) else convert(next(encoded), words) for text in call.texts
            ]
            call.attempt(lambda call, whole=whole: self._fit(call, whole))  # type: ignore[misc]

    def _fit(self, call: Call, whole: list[Encoding]) -> None:
        assert call.task is not None
        assert call.request is not None
        policy = call.request.truncation or self.config.truncation or call.task.truncation
        limit = self.config.max_length if call.task.bounded else max(map(len, whole))
        overlap = call.task.overlap(call.request)
        call.encodings = [self.fit(encoding, policy, limit, overlap) for encoding in whole]
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

    def fit(self, encoding: Encoding, policy: str, limit: int, overlap: int = 0) -> list[Encoding]:
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
                'shorten it or set "truncation" to right, left or windows'
            )
        *before, last = bodies = encoding.bodies
        fixed = [place for place, special in enumerate(encoding.special) if special]
        room = limit - len(fixed)
        if policy == "windows":
            return windows(encoding, fixed, before, last, room - sum(map(len, before)), overlap)
        kept = shares([len(body) for body in bodies], room)
        parts = [
            body[:share] if policy == "right" else body[len(body) - share :]
            for body, share in zip(bodies, kept, strict=True)
        ]
        return [take(encoding, fixed, parts, parts[-1].start - last.start)]


def characters(text: Text) -> int:
    """How much there is to read; a token id counts as one character, since a token has at least one."""
    return len(text) if isinstance(text, str | list) else sum(map(len, text))


def portions(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """The calls in order, cut where `CHARACTERS_AT_ONCE` would be exceeded."""
    portion: list[Call] = []
    size = 0
    for call in calls:
        more = sum(map(characters, call.texts))
        if portion and size + more > CHARACTERS_AT_ONCE:
            yield portion
            portion, size = [], 0
        portion.append(call)
        size += more
    if portion:
        yield portion


def convert(encoding: tokenizers.Encoding, words: bool = False) -> Encoding:
    """From the tokenizers library's own type."""
    numbers = encoding.word_ids if words else []
    return Encoding(encoding.ids, encoding.type_ids, encoding.special_tokens_mask, encoding.offsets, numbers)


def shares(lengths: list[int], room: int) -> list[int]:
    """How much of each text of a pair stays: the longer one is cut first, as transformers' `longest_first` does."""
    if len(lengths) == 1:
        return [room]
    less, more = sorted(lengths)
    least = min(less, room // 2)
    most = min(more, room - least)
    return [least, most] if lengths[0] <= lengths[1] else [most, least]


def windows(
    encoding: Encoding, fixed: list[int], before: list[range], body: range, room: int, overlap: int
) -> list[Encoding]:
    """Every token of `body`, `room` at a time, after the texts `before` it."""
    if room <= overlap:
        raise TooLarge(
            f"{sum(map(len, before))} tokens of the first text leave room for {max(room, 0)} of the second, and "
            f"windows overlap by {overlap}; shorten the first text or the overlap"
        )
    count = 1 + math.ceil(max(0, len(body) - room) / (room - overlap))
    starts = [number * (room - overlap) for number in range(count)]
    return [take(encoding, fixed, [*before, body[start : start + room]], start) for start in starts]


def take(encoding: Encoding, fixed: list[int], parts: list[range], first: int) -> Encoding:
    """The special tokens, at the places `fixed`, and the tokens of each text that are in `parts`."""
    places = sorted(chain(fixed, *parts))

    def keep(values: list[T]) -> list[T]:
        return [values[place] for place in places] if values else values

    return Encoding(
        keep(encoding.ids),
        keep(encoding.type_ids),
        keep(encoding.special),
        keep(encoding.offsets),
        keep(encoding.words),
        first,
    )
