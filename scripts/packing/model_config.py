"""Writes the `model-config.yaml` of an archive: every key, its value, and what it means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from handler.config import HandlerConfig, ModelConfig, describe
from scripts.console import Failure


def render(config: ModelConfig) -> str:
    """YAML in which each key follows the line that describes it; keys that are not set are there as comments."""
    own = msgspec.structs.asdict(config)
    handler = msgspec.structs.asdict(own.pop("handler"))
    head = "# Read by TorchServe when the archive is loaded.\n" + lines(own, describe(ModelConfig), "")
    return head + "\n# Read by the handler.\nhandler:\n" + lines(handler, describe(HandlerConfig), "  ")


def lines(values: Mapping[str, Any], descriptions: Mapping[str, str], indent: str) -> str:
    """Two lines per key."""
    return "".join(
        f"{indent}# {descriptions[name]}\n{indent}{'# ' if value is None else ''}{entry(name, value)}\n"
        for name, value in values.items()
    )


def entry(name: str, value: Any) -> str:
    """`key: value`."""
    return f"{name}:" if value is None else f"{name}: {json.dumps(value)}"  # JSON is YAML


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over`, sections merged."""
    both = dict(base)
    for key, value in over.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both


def nested(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Keys with dots, as documents print them (`handler.max_length`), in the section they name.

    Raises:
        Failure: a key is there in both forms, with different values.
    """
    found: dict[str, Any] = {key: value for key, value in content.items() if "." not in str(key)}
    for key, value in content.items():
        section, dot, rest = str(key).partition(".")
        if not dot:
            continue
        inner = found.setdefault(section, {})
        if not isinstance(inner, Mapping):
            raise Failure(f"{source}: {section} is {inner!r}, and {key} says that it is a section")
        if rest in inner and inner[rest] != value:
            raise Failure(f"{source}: {key} is {value!r}, and in the section {section} it is {inner[rest]!r}")
        found[section] = {**inner, rest: value}
    return found
