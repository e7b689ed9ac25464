"""What a protocol says of its paths, from which the OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from handler.model import Kind
from handler.tasks.base import Task


@dataclass(frozen=True, slots=True)
class Archive:
    """What decides which paths there are.

    Attributes:
        tasks: what it can do.
        default: the task of a request that names none.
        kind: see `LoadedModel.kind`; None for a document of all kinds at once.
    """

    name: str
    version: str
    tasks: Mapping[str, type[Task[Any]]]
    default: str
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One path.

    Attributes:
        summary: what it is for, in a line.
        bodies: structs, one of which is its body; a path without any is read with GET.
        replies: types, one of which is its answer in JSON.
        media: the other media types that its answer may have.
        query: parameters of the address, each with the only value that it may have.
        example: of a body, where it is not the keys that the first of `bodies` needs.
        strict: whether keys that `bodies` does not have are refused, and null where a value is optional.
    """

    summary: str
    bodies: tuple[type[msgspec.Struct], ...] = ()
    replies: tuple[Any, ...] = ()
    media: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    example: Any = None
    strict: bool = False


Operations = Mapping[str, Operation]
"""By path: relative to the archive's address, or from the server's root where it begins with `/`."""


def first_line(text: str | None) -> str:
    """Of a docstring."""
    return (text or "").partition("\n")[0]
