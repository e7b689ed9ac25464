"""Leaf values, which everything may import: `Row` in, `Encoding` and `Output` along the way, `Reply` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Text = str | tuple[str, str] | list[int]
"""What can be encoded: one text, a pair of texts, or token ids."""
Side = Literal["query", "document"]
"""Of a search, where models treat the two differently."""


@dataclass(frozen=True, slots=True)
class Row:
    """One request as it came off the wire.

    Attributes:
        fields: `{"body": bytes}`, or the parts of a form.
        headers: request headers, names in lower case.
        content_type: media type of the body, without its parameters; empty when the client named none.
        path: what follows `/predictions/{model}/{version}/`, without slashes at its ends.
        trusted: whether the server itself asks, which has no key.
        identity: TorchServe's id of the request.
    """

    fields: Mapping[str, bytes | bytearray]
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    path: str = ""
    trusted: bool = False
    identity: str = ""


@dataclass(slots=True)  # one per text: a frozen one takes three times as long to make
class Encoding:
    """One sequence for the model; a long text under the `windows` policy has several.

    Attributes:
        ids: `(tokens,)` token ids, special tokens included.
        type_ids: `(tokens,)` 0 for the first text of a pair, 1 for the second.
        special: `(tokens,)` 1 where the tokenizer added the token.
        offsets: `(tokens, 2)` start and stop character in the text; `(0, 0)` for special tokens. Like `word_ids`, only
            for tasks that ask for places.
        word_ids: `(tokens,)` number of the word each token is of.
        sequence_ids: of a pair, `(tokens,)` 0 for its first text, 1 for its second, None for special tokens.
        attended: how many of its tokens, from the first on, attention looks at; None for all.
        unpooled: how many of its first tokens, those of a prompt, pooling leaves out.
        token_offset: of a window, how many of the text's tokens come before it; of a pair, of the second text's.
    """

    ids: list[int]
    type_ids: list[int]
    special: list[int]
    offsets: list[tuple[int, int]] = field(default_factory=list)
    word_ids: list[int | None] = field(default_factory=list)
    token_offset: int = 0
    sequence_ids: list[int | None] = field(default_factory=list)
    attended: int | None = None
    unpooled: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def own_tokens(self, first: bool, last: bool) -> range:
        """Its tokens as a text's window: without special tokens before it and after it where the text goes on there."""
        body = [] if first and last else [position for position, special in enumerate(self.special) if not special]
        return range(0 if first else body[0], len(self) if last else body[-1] + 1)

    @property
    def text_ranges(self) -> list[range]:
        """Indices of the tokens that are text: one run for a text, two for a pair, wherever they stand in it."""
        numbers = self.sequence_ids or [None if special else 0 for special in self.special]
        grouped = groupby(range(len(self)), numbers.__getitem__)
        runs = sorted((number, list(run)) for number, run in grouped if number is not None)
        return [range(run[0], run[-1] + 1) for _, run in runs]


@dataclass(frozen=True, slots=True)
class Output:
    """What the model says about one `Encoding`.

    Attributes:
        hidden: `(tokens, hidden)` float32, the last hidden state.
        pooled: `(hidden,)` float32, the pooler's output; None where the checkpoint has no pooler.
        unpooled: see `Encoding`.
    """

    hidden: NDArray[np.float32]
    pooled: NDArray[np.float32] | None
    unpooled: int = field(default=0, kw_only=True)

    def __len__(self) -> int:
        return len(self.hidden)

    def keep_for(self, reading: Any) -> Output:
        """Say which `Reading` of it will be looked at and nothing else, or None; what has to be kept for it."""
        return self if reading is None else reading.kept(self)

    def owned(self) -> Output:
        """The same in arrays of its own; a runtime's are rows of those of a whole batch."""
        return replace(
            self, hidden=np.array(self.hidden), pooled=None if self.pooled is None else np.array(self.pooled)
        )

    def leaving_out(self, tokens: int) -> Output:
        """The same, of which pooling leaves out that many tokens at its beginning."""
        return replace(self, unpooled=tokens) if tokens else self


@dataclass(frozen=True, slots=True)
class Reduced(Output):
    """What a reading needs of an output; the states of 2,048 long texts would take a gigabyte.

    Attributes:
        length: tokens of the sequence.
        reading: the only one that may look at it.
    """

    length: int
    reading: Any

    def __len__(self) -> int:
        return self.length

    def owned(self) -> Output:
        """See `Output.owned`; it is a copy already."""
        return self


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, ready for the wire."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
