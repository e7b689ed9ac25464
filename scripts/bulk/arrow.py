"""pyarrow, which is an extra: what Parquet is read and written with."""

from __future__ import annotations

from typing import Any

from scripts.bulk import extras


def module(name: str) -> Any:
    """A module of pyarrow.

    Raises:
        Failure: it is not installed.
    """
    return extras.module(name, "Parquet", "pyarrow", "bulk")


def types() -> dict[str, Any]:
    """Arrow's type for each kind of column."""
    arrow = module("pyarrow")
    return {
        "null": arrow.string(),
        "boolean": arrow.bool_(),
        "integer": arrow.int64(),
        "long": arrow.int64(),
        "number": arrow.float64(),
        "text": arrow.string(),
        "json": arrow.string(),
    }
