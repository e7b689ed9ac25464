"""Writes the `model-config.yaml` of an archive: every key, its value, and what it means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from handler.config import HandlerConfig, ModelConfig, describe
from handler.errors import ConfigError

SECTION = "handler."


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


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`handler.task: x`, as the documentation writes it, as the key `task` of the section `handler`.

    Raises:
        ConfigError: both forms are there and differ.
    """
    dotted = {key: value for key, value in settings.items() if str(key).startswith(SECTION)}
    if not dotted:
        return dict(settings)
    section = settings.get("handler") or {}
    if not isinstance(section, Mapping):
        raise ConfigError(f"handler is a {type(section).__name__}, not keys, and {next(iter(dotted))} is beside it")
    own = {key.removeprefix(SECTION): value for key, value in dotted.items()}
    for key, value in own.items():
        if key in section and section[key] != value:
            raise ConfigError(
                f"{SECTION}{key} is {value!r}, and {key} in the section handler is {section[key]!r}; write one of them"
            )
    rest = {key: value for key, value in settings.items() if key not in dotted}
    return rest | {"handler": {**section, **own}}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over`, sections merged."""
    both = dict(base)
    for key, value in over.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both
