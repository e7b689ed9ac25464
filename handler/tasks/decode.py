"""`decode`: token ids back to text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from handler.errors import Invalid
from handler.tasks.base import Task, TextRequest
from handler.tasks.inputs import id_lists
from handler.types import Encoding, Output

Ids = list[Annotated[int, Meta(ge=0)]]


class DecodeRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `decode`."""

    ids: Annotated[
        list[Annotated[int, Meta(ge=0)] | Ids],
        Meta(description="token ids of one text, or a list of such lists", examples=[[101, 7592, 102]]),
    ]
    skip_special_tokens: Annotated[bool, Meta(description="whether to leave out special tokens such as [CLS]")] = True


class Decode(Task[DecodeRequest]):
    """Token ids to text. Spaces and case are those of the tokenizer, not those of the original text."""

    name = "decode"
    request = DecodeRequest
    forward = False
    takes_text = False

    def answer(
        self, request: DecodeRequest, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> list[str]:
        """One string per list."""
        tokenizer = self.model.tokenizer
        lists: list[Any] = id_lists("ids", request.ids) or [[]]
        for token in (token for ids in lists for token in ids):
            if not 0 <= token < tokenizer.vocabulary:
                raise Invalid(f"token id {token} is outside the vocabulary of {tokenizer.vocabulary}")
        return [tokenizer.decode(ids, request.skip_special_tokens) for ids in lists]
