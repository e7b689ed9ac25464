"""How bodies of others' protocols are read: as their owners' servers read them, where native requests are strict.

`null` is absent wherever a key is optional, and keys that the schema does not have are ignored, by name, at any depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import inspect

from handler.errors import Invalid
from handler.protocols.native import flattened
from handler.tasks.inputs import parse

LONGEST = 200  # characters of `x-ignored`
PRINTABLE = "!\"#$&'()*+-./:;<=>?@[\\]^_`{|}~"
"""Besides letters and digits; a comma, a space and a percent sign would be read as something else."""

S = TypeVar("S", bound=msgspec.Struct)


class Shape(NamedTuple):
    """Where a type has keys.

    Attributes:
        keys: of an object, with whether each is required and the shape of its value.
        items: of a list's items.
    """

    keys: dict[str, tuple[bool, Shape]] | None = None
    items: Shape | None = None


LEAF = Shape()


@cache
def shape(kind: type[msgspec.Struct]) -> Shape:
    """Of a schema."""
    return shape_of(inspect.type_info(kind))


def shape_of(info: inspect.Type) -> Shape:
    """Of one of its types; a union may hold one kind of object and one kind of list."""
    if isinstance(info, inspect.Metadata):
        return shape_of(info.type)
    if isinstance(info, inspect.StructType):
        return Shape({field.encode_name: (field.required, shape_of(field.type)) for field in info.fields})
    if isinstance(info, inspect.ListType):
        items = shape_of(info.item_type)
        return LEAF if items == LEAF else Shape(items=items)
    if isinstance(info, inspect.UnionType):
        found = [shape_of(each) for each in info.types]
        keys = next((each.keys for each in found if each.keys is not None), None)
        return Shape(keys, next((each.items for each in found if each.items is not None), None))
    return LEAF


def lists(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Keys of a schema whose value may be a list."""
    fields = inspect.type_info(kind).fields  # type: ignore[attr-defined]
    return frozenset(field.encode_name for field in fields if takes_list(field.type))


def takes_list(info: inspect.Type) -> bool:
    """Whether a type, or one of a union's, is a list."""
    if isinstance(info, inspect.Metadata):
        return takes_list(info.type)
    if isinstance(info, inspect.UnionType):
        return any(map(takes_list, info.types))
    return isinstance(info, inspect.ListType | inspect.VarTupleType)


def read(kind: type[S], fields: Mapping[str, Any], strict: bool = True) -> tuple[S, frozenset[str]]:
    """A validated body, and the keys that were ignored, inner ones with a path such as `inputs.name`.

    Raises:
        Invalid: a required key is missing or null, or a value is of the wrong kind.
    """
    ignored: set[str] = set()
    kept = cleaned(dict(fields), shape(kind), "", ignored)
    try:
        return parse(kind, kept, strict), frozenset(ignored)
    except Invalid as error:
        if not ignored or not str(error).startswith("missing key"):
            raise
        raise Invalid(f"{error}; ignored: {listed(ignored)}") from None


def cleaned(value: Any, shape: Shape, path: str, ignored: set[str]) -> Any:
    """The value without unknown keys, which are added to `ignored`, and without optional ones that are null."""
    if shape.items is not None and isinstance(value, list):
        return [cleaned(item, shape.items, path, ignored) for item in value]
    if shape.keys is None or not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        required, inner = shape.keys.get(key, (False, None))
        if item is None and required:
            raise Invalid(f'"{path}{key}" is null, and it is required')
        if inner is None and item is not None:
            ignored.add(path + key)
        elif inner is not None and item is not None:
            kept[key] = cleaned(item, inner, f"{path}{key}.", ignored)
    return kept


def merged(fields: dict[str, Any]) -> dict[str, Any]:
    """`parameters` among the other keys; null beside a value of the same key is absent."""
    inner = fields.get("parameters")
    if isinstance(inner, dict):
        inner = {key: value for key, value in inner.items() if value is not None or key not in fields}
        fields = {key: value for key, value in fields.items() if value is not None or key not in inner}
        fields["parameters"] = inner
    return flattened(fields)


def listed(ignored: Iterable[str]) -> str:
    """Names as a header's value: sorted, with commas, in printable ASCII with the rest percent-encoded, and cut."""
    text = ",".join(quote(name[:LONGEST], safe=PRINTABLE) for name in sorted(ignored)[:LONGEST])
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
