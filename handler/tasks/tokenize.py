"""`tokenize`: what the model sees of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from handler.errors import TooLarge
from handler.tasks.base import Task, TextRequest
from handler.tasks.inputs import texts_of
from handler.types import Encoding, Output, Text

BYTES_PER_TOKEN = 80  # of JSON


class TokenizeRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `tokenize`."""

    inputs: Annotated[str | list[str], Meta(description="one text or a list", examples=["Hello, how are you?"])]


class Tokenize(Task[TokenizeRequest]):
    """All tokens of each text with their positions; the maximum length does not apply."""

    name = "tokenize"
    request = TokenizeRequest
    needs_offsets = True
    truncates = False
    forward = False

    def check_size(self, tokens: int, binary: bool) -> None:
        """See `Task.check_size`."""
        size, limit = tokens * BYTES_PER_TOKEN, self.model.config.max_response_bytes
        if size > limit:
            raise TooLarge(f"{tokens} tokens make about {size} bytes, the limit is {limit}; send fewer texts")

    def texts(self, request: TokenizeRequest) -> list[Text]:
        """The inputs."""
        return texts_of(request.inputs)

    def answer(
        self, request: TokenizeRequest, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> list[list[dict[str, Any]]]:
        """Per text and token its id, its text, and where that stands in the text (null for special tokens)."""
        texts = texts_of(request.inputs)
        return [
            [token for window in windows for token in self._tokens(text, window)]
            for text, windows in zip(texts, encodings, strict=True)
        ]

    def _tokens(self, text: Text, encoding: Encoding) -> list[dict[str, Any]]:
        name = self.model.tokenizer.backend.id_to_token
        return [
            {"id": id, "text": name(id), "special": True, "start": None, "stop": None}
            if special
            else {"id": id, "text": text[start:stop], "special": False, "start": start, "stop": stop}
            for id, special, (start, stop) in zip(encoding.ids, encoding.special, encoding.offsets, strict=True)
        ]
