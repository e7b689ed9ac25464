"""JSON files of a checkpoint folder, and their values, which users edit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec

from scripts.console import Failure

T = TypeVar("T")
KINDS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a string",
    list: "a list",
    dict: "an object",
}
"""Kinds of values, in JSON's words."""
MALFORMED = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What msgspec raises over bytes that are no JSON of the wanted form."""
MARK = "\ufeff"
"""What some editors write before a text; neither transformers nor sentence-transformers read JSON after it."""
SHOWN = 60
"""Characters of a wrong value in a message."""


def load_json(file: Path) -> Any:
    """Read a JSON file.

    Raises:
        Failure: it is missing or does not decode.
    """
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        fix = f"copy {file.name} from where the model came from, or save the whole model again"
        raise Failure(f"{file.parent} has no {file.name}", fix=fix) from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        marked = isinstance(error, json.JSONDecodeError) and error.doc.startswith(MARK)
        fix = "save it as UTF-8 without a byte order mark" if marked else "correct it, or copy the file again"
        raise Failure(f"{file} is not JSON: {error}", fix=fix) from None


def load_object(file: Path) -> dict[str, Any]:
    """Read a JSON file that holds keys and values.

    Raises:
        Failure: it is missing, does not decode, or holds something else.
    """
    return checked(load_json(file), dict, str(file))


def load_if_there(file: Path) -> dict[str, Any]:
    """`load_object`, of a file that a folder need not have."""
    return load_object(file) if file.exists() else {}


@overload
def value(config: Mapping[str, Any], key: str, kind: type[T], default: T, file: Path | str = ...) -> T: ...
@overload
def value(
    config: Mapping[str, Any], key: str, kind: type[T], default: None = None, file: Path | str = ...
) -> T | None: ...
def value(
    config: Mapping[str, Any], key: str, kind: type[T], default: T | None = None, file: Path | str = "config.json"
) -> T | None:
    """A key's value; null counts as absent.

    Args:
        config: the decoded file.
        key: of it.
        kind: one of `KINDS`; a whole number may be written 12.0.
        default: where it is absent.
        file: what a message calls the file.

    Raises:
        Failure: it is of another kind.
    """
    found = config.get(key)
    return default if found is None else checked(found, kind, f"{key} of {file}")


def required(config: Mapping[str, Any], key: str, kind: type[T], file: Path | str = "config.json") -> T:
    """`value`, of a key without a default.

    Raises:
        Failure: it is absent or of another kind.
    """
    found = value(config, key, kind, None, file)
    if found is None:
        raise Failure(f"{file} does not say {key}", fix=f"add {key}, which is {KINDS[kind]}")
    return found


def checked(found: Any, kind: type[T], name: str) -> T:
    """A value of that kind.

    Raises:
        Failure: it is of another.
    """
    if isinstance(found, kind) and (kind is bool or not isinstance(found, bool)):
        return found
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if number and (kind is float or (kind is int and float(found).is_integer())):
        return kind(found)  # type: ignore[call-arg]
    raise Failure(f"{name} is {json.dumps(found, default=str)[:SHOWN]}; expected: {KINDS[kind]}")
