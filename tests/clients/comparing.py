"""Where a value differs from its reference."""

from __future__ import annotations

from typing import Any

NEAR = 1e-5


def difference(got: Any, want: Any, where: str = "") -> str | None:
    """The first, in words, or None. Strings, keys and lengths are the same, numbers within `NEAR`."""
    if isinstance(want, dict) and isinstance(got, dict) and got.keys() == want.keys():
        return first(difference(got[key], want[key], f"{where}[{key!r}]") for key in want)
    if isinstance(want, list) and isinstance(got, list) and len(got) == len(want):
        pairs = enumerate(zip(got, want, strict=True))
        return first(difference(ours, theirs, f"{where}[{index}]") for index, (ours, theirs) in pairs)
    if isinstance(want, float) and isinstance(got, int | float) and abs(got - want) < NEAR:
        return None
    return None if got == want else f"{where}: {brief(got)}, not {brief(want)}".removeprefix(": ")


def first(found: Any) -> str | None:
    """The first that is not None."""
    return next((one for one in found if one is not None), None)


def brief(value: Any) -> str:
    """A value, or what kind of value it is when it is long; an error's message is cut."""
    if isinstance(value, str):
        return repr(value if len(value) < 150 else f"{value[:150]}...")
    text = repr(value)
    return text if len(text) < 80 or not hasattr(value, "__len__") else f"{type(value).__name__} of {len(value)}"
