"""A checkpoint's head to `head.safetensors`: its layers, or the class that computes it, and what its scores mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
import transformers

from handler import head as heads
from handler.head import HeadMetadata, HeadType
from handler.model import Capability
from handler.tasks import TASKS
from scripts.console import Failure
from scripts.packing import chain_heads, class_heads, layout, weights
from scripts.packing.head_labels import labels_of, score_count
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families.family import CHOICE, NEXT

CLASSES = {
    "sequence": "AutoModelForSequenceClassification",
    "tokens": "AutoModelForTokenClassification",
    "span": "AutoModelForQuestionAnswering",
    "vocabulary": "AutoModelForMaskedLM",
}
FURTHER_CLASSES = {CHOICE: "AutoModelForMultipleChoice", NEXT: "AutoModelForNextSentencePrediction"}
"""Those that score a sequence, too; see `Family.further`."""
READERS: Mapping[HeadType, tuple[Capability, ...]] = {
    "sequence": ("sequence", "ranking", "entailment"),
    "tokens": ("tokens",),
    "span": ("span",),
    "vocabulary": ("vocabulary", "sparse"),
}
"""What a task requires that reads such a head."""


def unsupported_reason(checkpoint: Checkpoint, runtime: str) -> str:
    """Why a runtime does not serve a checkpoint's head; empty where it does, or where there is none."""
    if checkpoint.head is None:
        return "" if checkpoint.bare else f"{checkpoint.architecture} is not a supported model class"
    reason = chain_heads.unsupported_reason(checkpoint)
    if not reason:
        return ""
    eager = runtime == "eager" or (runtime == "auto" and layout.unsupported_reason(checkpoint.config))
    return class_heads.unsupported_reason(checkpoint) or ("" if eager else f"{reason}; --runtime eager has them")


def class_of(checkpoint: Checkpoint) -> str:
    """Of transformers, that loads a checkpoint with its head; empty for none."""
    return FURTHER_CLASSES.get(checkpoint.ending) or CLASSES.get(checkpoint.head or "", "")


def ranks(checkpoint: Checkpoint, runtime: str) -> bool:
    """Whether an archive may rank texts.

    A classifier ranks by its one score and by nothing else: the cosine of states that were trained to classify is no
    relevance.
    """
    served = not unsupported_reason(checkpoint, runtime)
    return checkpoint.head != "sequence" or (served and score_count(checkpoint) == 1)


def planned(checkpoint: Checkpoint, runtime: str, task: str) -> HeadMetadata | None:
    """What an archive will say of the head, but for its layers; None where it will have none."""
    kind = checkpoint.head
    if kind is None or unsupported_reason(checkpoint, runtime):
        return None
    labels = labels_of(checkpoint, score_count(checkpoint)) if kind == "sequence" else []
    if not chain_heads.unsupported_reason(checkpoint):
        return HeadMetadata(kind, [], labels)
    found = HeadMetadata(kind, [], labels, model_class=class_heads.name_of(checkpoint))
    return found if serves(kind, task) or not found.replaces_states else None


def serves(kind: HeadType, task: str) -> bool:
    """Whether a task reads such a head."""
    return task in TASKS and TASKS[task].requires in READERS[kind]


def write(checkpoint: Checkpoint, folder: Path, runtime: str, task: str) -> str:
    """Put the head, if there is one, beside the encoder's files, which must be there already.

    Returns:
        Why it is left out; empty where it is not, or where there is none.

    Raises:
        Failure: the checkpoint lacks a weight of its head, which the archive's task needs.
    """
    kind, reason = checkpoint.head, unsupported_reason(checkpoint, runtime)
    if kind is None or reason:
        return reason
    plan = planned(checkpoint, runtime, task)
    if plan is None:
        return f"{class_heads.name_of(checkpoint)} computes it with the encoder, for --task {checkpoint.task}"
    own = class_heads if plan.model_class else chain_heads
    try:
        loaded = weights.load(checkpoint, getattr(transformers, class_of(checkpoint)), torch.float32)
        lacks = own.unfit(checkpoint, loaded)
        if lacks:
            if serves(kind, task):
                raise lacks
            return str(lacks.why)
        tensors, description = own.lay_out(checkpoint, loaded, folder)
    except Failure:
        raise
    except Exception as error:  # of any kind, as transformers' class fails over its config.json
        raise Failure(
            f"the head of {checkpoint.folder} does not load as {checkpoint.architecture}",
            why=str(error).strip(),
            fix="take weights that are finite numbers, and the config.json that belongs to them",
        ) from None
    layout.save(tensors, folder / heads.FILE, {heads.META: msgspec.json.encode(description).decode()})
    return ""
