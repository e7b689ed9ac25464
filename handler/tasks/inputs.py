"""What clients may send as `inputs`, and decoded fields as a validated request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from handler.config import describe
from handler.errors import Invalid, unknown
from handler.types import Text

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


S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")


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


def as_list(given: T | list[T]) -> list[T]:
    """One text, word or expression is a list of one."""
    return given if isinstance(given, list) else [given]


def texts_of(inputs: str | list[Any]) -> list[Text]:
    """What to encode: one text is a list of one, and a `Pair` a pair."""
    return [(each.text, each.text_pair) if isinstance(each, Pair) else each for each in as_list(inputs)]


def is_ids(inputs: str | list[Any], index: int) -> bool:
    """Whether that one of them is token ids; to list them all for each one would be quadratic."""
    return isinstance(inputs, list) and isinstance(inputs[index], list)
