"""Texts to token ids: one `tokenizers` call for a whole batch, then each request's own policy for what is too long."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path

import tokenizers

from handler.call import Call, pending
from handler.config import HandlerConfig
from handler.deadline import Deadline
from handler.errors import Invalid, Overloaded
from handler.excerpts import FAR, NEAR, Excerpts, suffices
from handler.limits import characters
from handler.tokenizer_settings import FILE as SETTINGS
from handler.tokenizer_settings import TokenizerSettings, load
from handler.truncation import Cut, chunk_by_size, truncate
from handler.types import Encoding, Text

CHARACTERS_AT_ONCE = 1_000_000
"""About 200 MB of tokens while they are being cut."""
PROMPTS = 64
"""Whose lengths are kept; a client may send any."""


class TextTokenizer:
    """The archive's tokenizer, and its policy for what is too long."""

    def __init__(
        self,
        tokenizer: tokenizers.Tokenizer,
        config: HandlerConfig,
        settings: TokenizerSettings = TokenizerSettings(),  # noqa: B008  it is frozen
    ) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()  # a tokenizer.json may carry both; length is decided here, per request
        tokenizer.encode_special_tokens = settings.split_special_tokens
        self.backend = tokenizer
        self.config = config
        self.settings = settings
        added = tokenizer.get_added_tokens_decoder()
        self.vocabulary = max(tokenizer.get_vocab_size(), max(added, default=-1) + 1)  # added ids may leave holes
        self.unknown = settings.id(tokenizer, "unk_token", getattr(tokenizer.model, "unk_token", None), "<unk>")
        self.prefixed = bool(getattr(tokenizer.model, "continuing_subword_prefix", None))
        self.padding = settings.id(tokenizer, "pad_token", "[PAD]", "<pad>") or 0
        self.mask = settings.id(tokenizer, "mask_token", "[MASK]", "<mask>")
        self.prefix, self.suffix = special_tokens(tokenizer)
        self.excerpts = Excerpts(tokenizer)
        self.prompt_length = lru_cache(PROMPTS)(self.length_as_prompt)

    @classmethod
    def load(cls, file: Path, config: HandlerConfig) -> TextTokenizer:
        """Read a `tokenizer.json`, and what the packer wrote beside it."""
        return cls(tokenizers.Tokenizer.from_file(str(file)), config, load(file.with_name(SETTINGS)))

    def name(self, id: int) -> str:
        """A token as the vocabulary writes it."""
        return self.backend.id_to_token(id) or ""

    def join(self, tokens: list[str]) -> str:
        """Tokens as the vocabulary writes them to text."""
        decoder = self.backend.decoder
        return decoder.decode(tokens) if decoder else " ".join(tokens)

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        """Token ids to text."""
        return self.settings.clean_up(self.backend.decode(ids, skip_special_tokens=skip_special_tokens))

    def length_as_prompt(self, prompt: str) -> int:
        """Tokens that it puts before those of a text: all but a special one at its end.

        Source: `_get_prompt_length` of sentence-transformers 6.2.
        """
        encoding = self.backend.encode(prompt)
        return len(encoding.ids) - (1 if encoding.special_tokens_mask[-1:] == [1] else 0)

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

    def encode(self, calls: Sequence[Call], deadline: Deadline) -> None:
        """Fill `encodings`, `tokens` and `truncated` of every call that is alive.

        One tokenizers call encodes all texts, or two, where only some need places; a batch or a request of more than
        `CHARACTERS_AT_ONCE` takes several, so that what is cut off never fills the memory. No request is begun after
        `deadline`.
        """
        for some in chunk_by_size(pending(calls), character_count, CHARACTERS_AT_ONCE):
            if deadline.passed:
                for call in some:
                    call.error = Overloaded("not tokenized within the time limit of a batch; send it again")
            else:
                self.encode_some(some)

    def encode_some(self, calls: Sequence[Call]) -> None:
        """`encode`, for calls that fit into memory together."""
        for with_offsets, encode in ((False, self.backend.encode_batch_fast), (True, self.backend.encode_batch)):
            some = [call for call in calls if call.task is not None and call.task.needs_offsets is with_offsets]
            cuts = [self.cut(call) for call in some]
            tried = [
                [(text, self.excerpts.of(text, cut, with_offsets, NEAR)) for text in different(call.texts)]
                for call, cut in zip(some, cuts, strict=True)
            ]
            parts = [part for own in tried for _, part in own if not isinstance(part, list)]
            found = (each for texts in chunk_by_size(parts, characters, CHARACTERS_AT_ONCE) for each in encode(texts))
            for call, cut, own in zip(some, cuts, tried, strict=True):
                encodings = (
                    self.add_special_tokens(text)
                    if isinstance(text, list)
                    else self.enough(text, part, self.convert(next(found), with_offsets), cut, with_offsets)
                    for text, part in own
                )
                call.attempt(lambda call, cut=cut, own=encodings: self._fit(call, cut, own))  # type: ignore[misc]
                deque(encodings, maxlen=0)  # what a call that failed left unread

    def cut(self, call: Call) -> Cut:
        """What is done to a call's texts that are too long."""
        assert call.task is not None
        assert call.request is not None
        policy = call.request.truncation or self.config.truncation or call.task.truncation
        limit = call.task.longest(call.request, self.config.max_length)
        return Cut(policy, limit, min(call.task.overlap(call.request), limit // 2), call.task.pairs)

    def enough(self, text: Text, part: Text, encoding: Encoding, cut: Cut, with_offsets: bool) -> Encoding:
        """A part's encoding if it holds all that stays of its text, or else that of a larger part, or of all of it."""
        encode = self.backend.encode_batch if with_offsets else self.backend.encode_batch_fast
        for larger in (self.excerpts.of(text, cut, with_offsets, FAR), text):
            if part is text or suffices(encoding, part, text, cut.limit):
                break
            part = larger
            encoding = self.convert(encode([part])[0], with_offsets)
        return encoding

    def _fit(self, call: Call, cut: Cut, whole: Iterable[Encoding]) -> None:
        """Cut one after the other: uncut, the texts of a large request would fill the memory.

        Args:
            call: gets the windows of its texts.
            cut: what is done to them.
            whole: encodings of its `different` texts.
        """
        assert call.task is not None
        assert call.request is not None
        keys = [*map(hashable, call.texts)]
        windows: dict[Hashable, list[Encoding]] = {}
        sizes: dict[Hashable, int] = {}
        for key, encoding in zip(dict.fromkeys(keys), whole, strict=True):
            if call.task.runs(call.request) and len(encoding) < self.config.min_length:
                place = call.task.place(call.request, keys.index(key), len(keys))
                raise Invalid(
                    f"{place} has {len(encoding)} tokens, the model reads {self.config.min_length} and more; "
                    "it may hold nothing but control characters"
                )
            windows[key] = truncate(encoding, *cut)
            sizes[key] = len(encoding)
        call.encodings = [
            call.task.fit(call.request, number, windows[key], cut.policy) for number, key in enumerate(keys)
        ]
        call.truncated = sum(sum(map(len, own)) < sizes[key] for own, key in zip(call.encodings, keys, strict=True))
        call.tokens = sum(map(len, chain.from_iterable(call.encodings)))

    def convert(self, encoding: tokenizers.Encoding, with_offsets: bool) -> Encoding:
        """See `convert`, by this tokenizer's settings."""
        return convert(encoding, with_offsets, self.settings.token_type_ids)

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


def special_tokens(tokenizer: tokenizers.Tokenizer) -> tuple[list[int], list[int]]:
    """Ids before and after a text, asked of the post-processor alone: a vocabulary may lack any word."""
    word = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a"))
    if tokenizer.post_processor is not None:
        word.post_processor = tokenizer.post_processor
    probe = word.encode("a")
    at = probe.special_tokens_mask.index(0)
    return probe.ids[:at], probe.ids[at + 1 :]


def hashable(text: Text) -> Hashable:
    """What equal texts have in common."""
    return tuple(text) if isinstance(text, list) else text


def different(texts: Sequence[Text]) -> Iterable[Text]:
    """Each text once, in order."""
    return {hashable(text): text for text in texts}.values()


def character_count(call: Call) -> int:
    """`characters` of all texts of a call."""
    return sum(map(characters, call.texts))


def convert(encoding: tokenizers.Encoding, with_offsets: bool = False, with_types: bool = True) -> Encoding:
    """From the tokenizers library's own type; `encode_batch_fast` gives no places."""
    return Encoding(
        encoding.ids,
        encoding.type_ids if with_types else [0] * len(encoding),
        encoding.special_tokens_mask,
        encoding.offsets if with_offsets else [],
        encoding.word_ids if with_offsets else [],
        sequence_ids=encoding.sequence_ids if encoding.n_sequences > 1 else [],
    )
