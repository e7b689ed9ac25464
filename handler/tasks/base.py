"""What a task is: it turns a request into texts, and the model's outputs into an answer."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Meta

from handler.call import Call
from handler.config import Truncation
from handler.device import HIDDEN, Reading
from handler.head import Head
from handler.limits import numbered
from handler.model import Capability, LoadedModel
from handler.tasks.inputs import parse
from handler.truncation import PairTruncation
from handler.types import Encoding, Output, Text


class TextRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys every request may carry."""

    truncation: Annotated[
        Truncation | None,
        Meta(description="truncation of texts that are too long: right, left, error, windows; default: the archive's"),
    ] = None


R = TypeVar("R", bound=TextRequest)


class Task(ABC, Generic[R]):
    """One thing a model can be asked for."""

    name: ClassVar[str]
    request: ClassVar[type[TextRequest]]
    truncates: ClassVar[bool] = True
    """Whether texts are cut to the model's longest sequence."""
    forward: ClassVar[bool] = True
    """Whether the model has to run."""
    takes_text: ClassVar[bool] = True
    """Whether a request without any text is an error."""
    takes_pairs: ClassVar[bool] = False
    """Whether an item of `inputs` may be two texts."""
    numeric: ClassVar[bool] = False
    """Whether its answer is an array, or a list of arrays of different lengths."""
    needs_offsets: ClassVar[bool] = False
    """Whether encodings have to say where in the text each token is: its characters and its word."""
    requires: ClassVar[Capability | None] = None
    """What an archive must have for it."""
    truncation: ClassVar[Truncation] = "right"
    """Of a request and an archive that say nothing."""
    pairs: ClassVar[PairTruncation] = "longest_first"
    """Which text of a pair is cut."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model

    def texts(self, request: R) -> list[Text]:
        """The texts to encode; none for a task that takes no text."""
        return []

    def place(self, request: R, index: int, total: int) -> str:
        """What the client calls one of `texts`, for an error: `text 2 of 3` counts what it sent in a list."""
        return numbered(index, total)

    def listed(self, request: R, texts: Sequence[Text]) -> int:
        """How many of `texts` the client sent in a list: `max_texts` is the limit of those."""
        return len(texts)

    @abstractmethod
    def answer(self, request: R, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]) -> Any:
        """What the client gets, as JSON-able values and arrays.

        Args:
            request: the validated request.
            encodings: for each text, its windows.
            outputs: for each text, the model's output for each window; empty where `forward` is False.
        """

    def reading(self, request: R) -> Reading | None:
        """What it will look at of the model's outputs; None for token states that may stay where they are."""
        return HIDDEN

    def runs(self, request: R) -> bool:
        """Whether the model has to run for this request."""
        return self.forward

    def longest(self, request: R, most: int) -> int:
        """Tokens that its texts are cut to, special ones included, where the model takes `most`."""
        return most if self.truncates else sys.maxsize

    def overlap(self, request: R) -> int:
        """Tokens that neighbouring windows of a long text share; it becomes at most half a window."""
        return 0

    def fit(self, request: R, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """The windows of a text as the model is to read them, where that is otherwise than cut to its longest sequence.

        Args:
            request: the validated request.
            index: of the text.
            windows: of the text.
            policy: for what is too long; see `handler.truncation.truncate`.
        """
        return windows

    def check_size(self, tokens: int, binary: bool) -> None:
        """Refuse a request by its number of tokens, before the model runs.

        Args:
            tokens: of all its texts.
            binary: whether its answer will be bytes instead of JSON.

        Raises:
            TooLarge: its answer would be larger than the archive allows.
        """

    def parse(self, fields: Mapping[str, Any], strict: bool) -> R:
        """Validate a decoded body.

        Args:
            fields: keys and values of the body.
            strict: False for forms, whose values are all strings: `"true"` is then a boolean, `"3"` a number.

        Raises:
            Invalid: an unknown key, a missing one, or a value of the wrong kind; the text names its place.
        """
        return parse(self.request, fields, strict)  # type: ignore[return-value]

    def finish(self, call: Call) -> None:
        """Fill `call.answer`."""
        call.answer = self.answer(call.request, call.encodings, call.outputs)  # type: ignore[arg-type]


class HeadTask(Task[R]):
    """A task that needs a head."""

    @property
    def head(self) -> Head:
        """The archive's."""
        assert self.model.head is not None
        return self.model.head
