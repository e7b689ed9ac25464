"""A value that a JSON Schema accepts; optional keys are absent, null or present, and some are not its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.hostile.schemas import texts

NAMES = ["bert", "text-embedding-3-small", "a", "", "größe", "a/b:c", "x" * 300, "\u0000"]
SIZES = [1, 2, 7, 64, 256, texts.SIZE]
OTHERS: list[Any] = [None, 1, -1.5, True, "a", [], {}, ["a", {"b": None}], {"inputs": "a"}, 2**53, "x" * 5000]
EXTRA = ["extra", "größe", "", "a.b", "$schema", "__class__", "Input", "max_seq_len", "\u0000", "x" * 300]


def draw(schema: dict[str, Any], dice: random.Random) -> Any:
    """One value."""
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return draw(dice.choice(schema[key]), dice)
    if "enum" in schema:
        return dice.choice(schema["enum"])
    return KINDS[schema["type"]](schema, dice)


def integer(schema: dict[str, Any], dice: random.Random) -> int:
    """Within its limits."""
    if schema.get("format") == "token":
        return texts.token(dice)
    low = schema.get("minimum", -2)
    if schema.get("format") == "size":
        found = dice.choice([low, 1024]) if dice.random() < 0.05 else dice.choice(SIZES)
        return int(found)
    high = schema.get("maximum")
    return int(dice.choice([low, low + 1, high if high is not None else 2**31 - 1, dice.randrange(low, low + 9)]))


def string(schema: dict[str, Any], dice: random.Random) -> str:
    """A text, or a name."""
    return dice.choice(NAMES) if schema.get("format") == "name" else texts.text(dice)


def array(schema: dict[str, Any], dice: random.Random) -> list[Any]:
    """Mostly short; seldom as long as it may be, or empty."""
    low, high = schema.get("minItems", 0), schema.get("maxItems")
    count = dice.choices([dice.randrange(1, 4), dice.randrange(4, 17), high or 100, low], [900, 90, 1, 5])[0]
    count = max(low, min(count, high if high is not None else count))
    return [draw(schema["items"], dice) for _ in range(count)]


def mapping(schema: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """Required keys, some of the others, and some that nobody asked for, in any order."""
    found: dict[str, Any] = {}
    for key, value in schema.get("properties", {}).items():
        chance = 1.0 if key in schema.get("required", ()) else dice.random() * 2
        if chance > 0.9:
            found[key] = draw(value, dice)
        elif chance > 0.6:
            found[key] = None
    if dice.random() < 0.3:
        found |= {dice.choice(EXTRA): dice.choice(OTHERS) for _ in range(dice.randrange(1, 4))}
    return dict(dice.sample(list(found.items()), len(found)))


KINDS: dict[str, Callable[[dict[str, Any], random.Random], Any]] = {
    "integer": integer,
    "string": string,
    "array": array,
    "object": mapping,
    "boolean": lambda schema, dice: dice.random() < 0.5,
    "number": lambda schema, dice: dice.choice([0, 1, -1.5, 1e-9, 1e9]),
    "null": lambda schema, dice: None,
}
