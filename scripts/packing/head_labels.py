"""What the scores of a checkpoint's head are called, how many there are, and what makes probabilities of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handler.head import HeadMetadata, Step
from scripts.console import Failure
from scripts.files.json_files import checked, value
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families.family import CHOICE, NEXT
from scripts.sources.sentence_transformers import scores

FIXED_LABELS: dict[str, list[str]] = {CHOICE: ["choice"], NEXT: ["is_next", "not_next"]}
"""Of classes whose scores `id2label` does not name; `BertForNextSentencePrediction` says which is which."""


def described(checkpoint: Checkpoint, steps: list[Step], count: int, **layers: Any) -> HeadMetadata:
    """What an archive says of a head with so many scores.

    Args:
        checkpoint: whose head it is.
        steps: its layers.
        count: of its scores.
        layers: what else `HeadMetadata` says of these.
    """
    kind = checkpoint.head
    assert kind is not None
    return HeadMetadata(
        kind,
        steps,
        [] if kind in ("span", "vocabulary") else labels_of(checkpoint, count),
        function=function(checkpoint, count) if kind == "sequence" else "none",
        rerank=checkpoint.rerank,
        logarithms=checkpoint.logarithms,
        pooling=checkpoint.sparse_pooling,
        **layers,
    )


def score_count(checkpoint: Checkpoint) -> int:
    """How many a head of a sequence gives, by its class or the configuration."""
    return len(FIXED_LABELS.get(checkpoint.ending, ())) or scores(checkpoint.config)


def labels_of(checkpoint: Checkpoint, count: int) -> list[str]:
    """Names of so many scores of a sequence or of tokens.

    Raises:
        Failure: see `labels`.
    """
    return FIXED_LABELS.get(checkpoint.ending) or labels(checkpoint.config, count)


def labels(config: Mapping[str, Any], count: int) -> list[str]:
    """`id2label` in the order of its ids; a name by number for those it does not name.

    Raises:
        Failure: its keys are no numbers, its names are no strings, or they are not as many as the scores.
    """
    named = value(config, "id2label", dict, {})
    try:
        names = {int(number): label(name) for number, name in named.items()}
    except ValueError:
        raise Failure(
            f"id2label of config.json has the keys {', '.join(map(str, named))}; expected: numbers",
            fix=f"name 0 to {count - 1}",
        ) from None
    if names and set(names) != set(range(count)):
        raise Failure(
            f"id2label of config.json names the scores {', '.join(map(str, sorted(names)))}; there are {count}",
            fix=f"name 0 to {count - 1}",
        )
    return [names.get(number, f"LABEL_{number}") for number in range(count)]


def label(name: Any) -> str:
    """A label, which may be written as a number."""
    return str(name) if isinstance(name, int | float) else checked(name, str, "a label in id2label of config.json")


def function(checkpoint: Checkpoint, count: int) -> str:
    """What a cross-encoder of several labels names, or else transformers' pipeline applies to that many scores.

    A cross-encoder whose scores are as they are, which is usual, is a classifier to that pipeline.
    """
    problem = value(checkpoint.config, "problem_type", str)
    if count > 1 and checkpoint.rerank != "none":
        return checkpoint.rerank
    if problem == "regression":
        return "none"
    return "sigmoid" if problem == "multi_label_classification" or count == 1 else "softmax"
