"""Settings that a checkpoint's own files suggest, and those of them that no archive can have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from handler.config import SHORTEST
from handler.errors import unknown
from scripts.console import Failure
from scripts.files.json_files import load_object, value
from scripts.packing import heads
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.configuration import pooled_size
from scripts.sources.sentence_transformers import MODEL

USUAL = ("query", "document")
"""Prompts that every model has."""


def settings(checkpoint: Checkpoint, given: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of the section `handler`.

    Args:
        checkpoint: what they are read from.
        given: keys that the operator sets, which count instead.

    Raises:
        Failure: a file of the checkpoint says what no archive can have, and the operator nothing else.
    """
    for key, check in CHECKS.items():
        if key not in given:
            check(checkpoint)
    kept = checkpoint.dimensions
    return {
        "task": checkpoint.task,
        "max_length": checkpoint.max_length,
        "pooling": checkpoint.pooling,
        "include_prompt": checkpoint.include_prompt,
        "normalize": checkpoint.normalize,
        "dimensions": None if kept is None or kept >= width(checkpoint) else kept,
        "max_active_dims": checkpoint.active_dimensions,
        "rerank": heads.ranks(checkpoint, given.get("runtime", "auto")),
        "truncation": "left" if checkpoint.truncation == "left" else None,
        "prompts": dict(checkpoint.prompts),
        "default_prompt": checkpoint.default_prompt,
    }


def width(checkpoint: Checkpoint) -> int:
    """Dimensions of an embedding before any are left out."""
    if not checkpoint.dense:
        return pooled_size(checkpoint.config, checkpoint.pooling)
    module = checkpoint.dense[-1]
    config, file = load_object(module / "config.json"), f"{module.name}/config.json"
    return value(config, "out_features", int, 0, file) or value(config, "dimension", int, 0, file)


def length(checkpoint: Checkpoint) -> None:
    """Refuse one without room for a text: the special tokens of a pair alone are 3 or 4."""
    if checkpoint.max_length < SHORTEST:
        file, key = checkpoint.length_said
        fix = f"set {key} to {SHORTEST} or more in {file}; or set handler.max_length in a file for --config"
        raise Failure(
            f"{key} of {file} makes sequences of {checkpoint.max_length} tokens at most; {SHORTEST} is the least",
            fix="take a model with more positions" if key == "max_position_embeddings" else fix,
        )


def dimensions(checkpoint: Checkpoint) -> None:
    """Refuse none, and less than none."""
    kept, file = checkpoint.dimensions, checkpoint.root / MODEL
    if kept is not None and kept < 1:
        raise Failure(
            f"truncate_dim of {file} is {kept}; an embedding keeps 1 to {width(checkpoint)} dimensions",
            fix=f"set truncate_dim to null in {file}; or set handler.dimensions in a file for --config",
        )


def default_prompt(checkpoint: Checkpoint) -> None:
    """Refuse one that is not among the prompts."""
    named, known = checkpoint.default_prompt, {*USUAL, *checkpoint.prompts}
    if named is not None and named not in known:
        raise Failure(
            f"default_prompt_name of {checkpoint.root / MODEL}: {unknown('prompt', named, known)}",
            fix="set it to one of these or to null there; or set handler.default_prompt in a file for --config",
        )


CHECKS: Mapping[str, Callable[[Checkpoint], None]] = {
    "max_length": length,
    "dimensions": dimensions,
    "default_prompt": default_prompt,
}
"""Keys of the section `handler` whose values a checkpoint's files may spoil."""
