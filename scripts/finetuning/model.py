"""A checkpoint's encoder under a new head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from handler.runtimes.eager import check_missing
from scripts.console import Failure
from scripts.files.json_files import value
from scripts.finetuning.tasks import Task
from scripts.packing import heads
from scripts.sources import pickles
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families import FAMILIES, family

CROSS_ENCODER = ("sentence_transformers", "sbert_ce_default_activation_function")
"""Keys that would say that the new head's scores are a cross-encoder's."""


def build(checkpoint: Checkpoint, task: Task, outputs: Sequence[str], frozen: bool, seed: int) -> Any:
    """A model in float32 with the encoder's weights; head, and a missing pooler, are random numbers of the seed.

    The head is new even where the checkpoint has one, since its labels are others or mean other things.

    Args:
        checkpoint: where the encoder comes from.
        task: what it is trained for.
        outputs: names of the scores.
        frozen: let only the head and a pooler learn.
        seed: of the head.

    Raises:
        Failure: the family's head is not served, or a weight of the encoder is missing or cannot be read.
    """
    import transformers

    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if task.kind not in family(checkpoint.config).heads:
        named = value(checkpoint.config, "model_type", str)
        raise Failure(f"model_type {named} cannot be fine-tuned here", fix=f"supported are {', '.join(FAMILIES)}")
    for file in checkpoint.weights:
        pickles.check(file)
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    numbers = dict(enumerate(outputs))
    try:
        config = transformers.AutoConfig.from_pretrained(
            checkpoint.folder, id2label=numbers, label2id={name: number for number, name in numbers.items()}, **safe
        )
        config.problem_type = task.problem
        for key in CROSS_ENCODER:
            if hasattr(config, key):
                delattr(config, key)
        torch.manual_seed(seed)
        model = getattr(transformers, heads.CLASSES[task.kind]).from_config(config, dtype=torch.float32)
        encoder, report = transformers.AutoModel.from_pretrained(
            checkpoint.folder, dtype=torch.float32, variant=checkpoint.variant, output_loading_info=True, **safe
        )
        check_missing(report["missing_keys"])
    except Exception as error:  # of any kind, as transformers' class fails over its config.json
        raise Failure(f"{checkpoint.folder} does not load for training: {error}") from None
    model.base_model.load_state_dict(encoder.state_dict(), strict=False)  # a tokens' head has no pooler
    for name, weight in model.base_model.named_parameters():
        weight.requires_grad = not frozen or name.startswith("pooler.")
    return model
