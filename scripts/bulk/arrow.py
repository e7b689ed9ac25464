"""pyarrow, which is an extra: what Parquet is read and written with."""

from __future__ import annotations

from typing import Any

from scripts.console import Failure


def module(name: str) -> Any:
    """A module of pyarrow.

    Raises:
        Failure: it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise Failure("Parquet needs pyarrow, which is not installed", fix="scripts/setup bulk") from None


def types() -> dict[str, Any]:
    """Arrow's type for each kind of column."""
    arrow = module("pyarrow")
    return {
        "null": arrow.string(),
        "boolean": arrow.bool_(),
        "integer": arrow.int64(),
        "number": arrow.float64(),
        "text": arrow.string(),
        "json": arrow.string(),
    }
