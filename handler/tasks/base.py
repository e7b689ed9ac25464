"""What a task is: it turns a request into texts, and the model's outputs into an answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta
from torch import Tensor

from handler.call import Call, Encoding, Output, Text
from handler.config import HandlerConfig, Truncation, describe
from handler.deadline import Deadline
from handler.device import HIDDEN, Reading
from handler.errors import Invalid, unknown
from handler.explanation import Explains
from handler.head import Head, Kind
from handler.text import TextEncoder

Inputs = Annotated[
    str | list[str | list[int]],
    Meta(description="one text, or a list of texts or of lists of token ids", examples=["Hello, how are you?"]),
]


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two texts that belong together, as transformers' pipelines write them."""

    text: str
    text_pair: str


TextsOrPairs = Annotated[
    str | list[str | tuple[str, str] | Pair],
    Meta(
        description='a text, or a list of texts or pairs; a pair is a list of two, or {"text", "text_pair"}',
        examples=[["I like it.", ["a premise", "a hypothesis"]]],
    ),
]
Ability = Kind | Literal["gradients"]
"""What not every archive has: a head of some kind, or weights to explain with."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What the tasks may know of the archive they run in.

    Attributes:
        word_embeddings: gives the word embedding matrix, `(vocabulary, hidden)` float32.
        exact: whether outputs are transformers' own to the last bit.
        head: the layers it was fine-tuned with.
        dense: the layers after pooling.
        deadline: of the batch in hand.
        origin: where the checkpoint came from, as the packer wrote it down.
        explain: makes what explains, when it is first needed; None where the archive has no weights for it.
    """

    name: str
    version: str
    config: HandlerConfig
    encoder: TextEncoder
    hidden_size: int
    device: str
    runtime: str
    word_embeddings: Callable[[], Tensor]
    exact: bool = False
    head: Head | None = None
    dense: Head | None = None
    deadline: Deadline = field(default_factory=Deadline)
    explain: Callable[[], Explains] | None = None
    tasks: list[str] = field(default_factory=list)
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dimensions(self) -> int:
        """Of its embeddings."""
        size = self.hidden_size if self.dense is None else self.dense.size
        return min(size, self.config.dimensions or size)

    @property
    def abilities(self) -> set[Ability]:
        """What its tasks may need."""
        found: set[Ability] = {"gradients"} if self.explain else set()
        return found | ({self.head.description.kind} if self.head else set())


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
    numeric: ClassVar[bool] = False
    """Whether its answer is an array, or a list of arrays of different lengths."""
    needs_offsets: ClassVar[bool] = False
    """Whether encodings have to say where in the text each token is: its characters and its word."""
    needs: ClassVar[Ability | None] = None
    """What an archive must have for it."""
    truncation: ClassVar[Truncation] = "right"
    """Of a request and an archive that say nothing."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def texts(self, request: R) -> list[Text]:
        """The texts to encode; none for a task that takes no text."""
        return []

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

    def overlap(self, request: R) -> int:
        """Tokens that neighbouring windows of a long text share; it becomes at most half a window."""
        return 0

    def admit(self, tokens: int, binary: bool) -> None:
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
        assert self.archive.head is not None
        return self.archive.head


S = TypeVar("S", bound=msgspec.Struct)


def parse(kind: type[S], fields: Mapping[str, Any], strict: bool = True) -> S:
    """Build a request from decoded fields; see `Task.parse`."""
    known = kind.__struct_fields__
    for key in fields:
        if key not in known:
            raise Invalid(unknown("key", str(key), known))
    try:
        return msgspec.convert(fields, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise Invalid(explained(str(error), describe(kind))) from None


def explained(message: str, descriptions: Mapping[str, str]) -> str:
    """Words for msgspec's message, and what the key it names is for."""
    place = message.partition(" - at `$.")[2].rstrip("`").partition("[")[0]
    hint = f"; {place!r} is: {descriptions[place]}" if place in descriptions else ""
    return message.replace("`$.", "`").replace("Object missing required field", "missing key") + hint


def id_lists(name: str, given: Sequence[str | int | list[int]]) -> list[str | list[int]]:
    """A flat list of ids is one input; other lists stay as they are.

    Raises:
        Invalid: ids stand beside texts or lists; the text calls them `name`.
    """
    ids = [item for item in given if isinstance(item, int)]
    others = [item for item in given if not isinstance(item, int)]
    if ids and others:
        raise Invalid(f'"{name}" mixes token ids with texts or lists; send one kind')
    return [ids] if ids else [*others]


def listed(inputs: str | list[Any]) -> list[Text]:
    """One text is a list of one, and a `Pair` a pair."""
    if isinstance(inputs, str):
        return [inputs]
    return [(each.text, each.text_pair) if isinstance(each, Pair) else each for each in inputs]
