"""Cross-encoders, as versions 2 to 6 of sentence-transformers saved them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.heads import labels
from tests.layouts import models
from tests.layouts.layout import Layout, edit

SCORES = {
    "1 score": labels(["LABEL_0"]),
    "3 labels": labels(["contradiction", "entailment", "neutral"]),
}
FAMILIES = {
    "bert": "BertForSequenceClassification",
    "roberta": "RobertaForSequenceClassification",
    "xlm-roberta": "XLMRobertaForSequenceClassification",
    "electra": "ElectraForSequenceClassification",
    "deberta-v2": "DebertaV2ForSequenceClassification",
    "modernbert": "ModernBertForSequenceClassification",
    "gte": "GteForSequenceClassification",
}
ACTIVATIONS = ("Identity", "Sigmoid", "Tanh")


def module(name: str) -> str:
    """Of torch, in full."""
    return f"torch.nn.modules.activation.{name}" if name != "Identity" else "torch.nn.modules.linear.Identity"


def plain(folder: Path, kind: str, **options: Any) -> Path:
    """A classifier that nothing marks as a cross-encoder."""
    return models.save(folder, kind, FAMILIES[kind], **options)


def oldest(folder: Path, kind: str, activation: str, **options: Any) -> None:
    """Versions 2 and 3: a key of its own."""
    edit(plain(folder, kind, **options) / "config.json", sbert_ce_default_activation_function=module(activation))


def old(folder: Path, kind: str, activation: str, **options: Any) -> None:
    """Versions 4 and 5: a section of `config.json`."""
    said = {"activation_fn": module(activation), "version": "4.0.0"}
    edit(plain(folder, kind, **options) / "config.json", sentence_transformers=said)


def new(folder: Path, kind: str, activation: str, **options: Any) -> None:
    """Version 6: `modules.json`."""
    import torch
    from sentence_transformers import CrossEncoder

    base = plain(folder.with_name(f"{folder.name}-base"), kind, **options)
    CrossEncoder(str(base), device="cpu", activation_fn=getattr(torch.nn, activation)()).save(str(folder))


def layouts() -> Iterator[Layout]:
    """All of them."""
    made: dict[str, Callable[[Path], object]] = {}
    for kind in FAMILIES:
        for scores, options in SCORES.items():
            made[f"version 6, {kind}, {scores}"] = partial(new, kind=kind, activation="Sigmoid", **options)
            made[f"version 4, {kind}, {scores}"] = partial(old, kind=kind, activation="Identity", **options)
    for activation in ACTIVATIONS:
        for version, make in {"2": oldest, "4": old, "6": new}.items():
            made[f"version {version}, {activation}"] = partial(
                make, kind="bert", activation=activation, **SCORES["1 score"]
            )
    yield from (Layout("cross-encoder", name, make) for name, make in made.items())
