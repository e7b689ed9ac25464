"""What a checkpoint's `config.json` says of its encoder, by the names that its family has for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from handler.config import Pooling
from handler.poolings import modes
from scripts.console import Failure
from scripts.files.json_files import required, value
from scripts.sources.families import OTHER, family

MOST_LAYERS = 1000


def activation(config: Mapping[str, Any]) -> str:
    """The model's own activation, as transformers names it."""
    keys = family(config).keys
    return value(config, keys.activation, str, keys.usual_activation)


def norm_eps(config: Mapping[str, Any]) -> float:
    """What normalisations add to a variance."""
    keys = family(config).keys
    key, found = keys.eps, value(config, keys.eps, float, keys.usual_eps)
    if not math.isfinite(found):
        raise Failure(f"{key} of config.json is {found}; expected: a finite number, such as 1e-12")
    return found


def hidden_size(config: Mapping[str, Any]) -> int:
    """Width of token states.

    Raises:
        Failure: `config.json` does not say one.
    """
    key = family(config).keys.hidden
    size = required(config if family(config) is not OTHER else in_usual_words(config), key, int)
    if size < 1:
        raise Failure(f"{key} of config.json is {size}; expected: 1 or more")
    return size


def pooled_size(config: Mapping[str, Any], pooling: Pooling) -> int:
    """Width of a text's vector when it is pooled; see `hidden_size`."""
    return hidden_size(config) * len(modes(pooling))


def check_layers(config: Mapping[str, Any]) -> None:
    """Refuse a number that would take hours to build, before the weights are compared with it.

    Raises:
        Failure: it is more than `MOST_LAYERS`.
    """
    key = family(config).keys.layers
    count = config.get(key)
    if isinstance(count, int | float) and count > MOST_LAYERS:
        raise Failure(
            f"{key} of config.json is {count:g}; {MOST_LAYERS} is the most that is built",
            fix="set it to as many layers as the weights have",
        )


def check_sizes(config: Mapping[str, Any]) -> None:
    """Refuse sizes that no encoder has; one of ours would be built of them without a question.

    Raises:
        Failure: a size is below 1, or the heads do not divide the width.
    """
    keys = family(config).keys
    for key in (keys.layers, keys.heads, keys.intermediate):
        if value(config, key, int, 1) < 1:
            raise Failure(f"{key} of config.json is {config[key]}; expected: 1 or more")
    width, heads = value(config, keys.hidden, int, 0), value(config, keys.heads, int, 1)
    if width % heads:
        raise Failure(f"{keys.hidden} {width} of config.json is no multiple of {keys.heads} {heads}")


def vocabulary_size(config: Mapping[str, Any]) -> int:
    """Rows of the table of words.

    Raises:
        Failure: `config.json` does not say how many.
    """
    return required(config if family(config) is not OTHER else in_usual_words(config), "vocab_size", int)


def in_usual_words(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the keys that most families have, where its own calls them otherwise, as T5's `d_model`.

    Raises:
        Failure: transformers does not know it.
    """
    from transformers import AutoConfig

    try:
        found = AutoConfig.for_model(**config).get_text_config()
    except Exception as error:  # of any kind, as transformers' classes fail over their configuration
        raise Failure(f"transformers does not read config.json: {error}", fix="correct it") from None
    usual = {key: getattr(found, key, None) for key in ("hidden_size", "vocab_size")}
    return {**config, **{key: size for key, size in usual.items() if size is not None}}


def first_position(config: Mapping[str, Any]) -> int:
    """Row of the table of positions that a first token has; those before it are never reached."""
    first = family(config).first_position
    return first if isinstance(first, int) else value(config, first, int, 1) + 1
