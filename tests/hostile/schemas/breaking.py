"""Bodies that a schema refuses: each differs from one that it accepts by a key left out or a value of another kind."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

WRONG: list[Any] = [None, "word", "", 1, 1.5, -1, True, [], {}, [[[1]]], {"a": 1}, [None], ["a", 1], [1.5]]
TRIES = 200
NULL = "null"
"""Of a key; this project takes it as absent where the key is optional."""


def places(value: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any, tuple[str, ...]]]:
    """Each container and key in a value, and the names on the way to it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        way = (*names, key) if isinstance(value, dict) else names
        yield value, key, way
        yield from places(inner, way)


def without_null(value: Any) -> Any:
    """Without the keys that are null, which not every schema accepts."""
    if isinstance(value, dict):
        return {key: without_null(inner) for key, inner in value.items() if inner is not None}
    return [without_null(item) for item in value] if isinstance(value, list) else value


def broken(body: Any, accepts: Callable[[Any], bool], dice: random.Random) -> tuple[tuple[str, ...], str, Any]:
    """Where it was broken, how, and the body."""
    good = without_null(body)
    assert accepts(good), good
    for _ in range(TRIES):
        other = copy.deepcopy(good)
        container, key, way = dice.choice(list(places(other)))
        if isinstance(container, dict) and dice.random() < 0.2:
            del container[key]
            how = "missing"
        else:
            container[key] = dice.choice(WRONG)
            how = type(container[key]).__name__
            if container[key] is None:
                how = NULL if isinstance(container, dict) else "null in a list"
        if not accepts(other):
            return way, how, other
    return (), type([]).__name__, []  # a body that is no object
