"""Heads that transformers' own class computes, in the runtime `eager`: those of which no chain of linears is known."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from pathlib import Path

import torch
import transformers
from torch import Tensor
from transformers.models.auto import modeling_auto as auto

from handler.head import HeadMetadata
from handler.vocabulary_head import encoder_replaced, scores
from scripts.console import Failure
from scripts.files.json_files import value
from scripts.packing import head_misfit, layout, weights
from scripts.packing.head_labels import described, score_count
from scripts.packing.weights import Loaded
from scripts.sources.checkpoint import HEAD_TYPES, Checkpoint
from scripts.sources.families.family import CHOICE, NEXT

OF_KIND: Mapping[str, Mapping[str, str]] = {
    "sequence": auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    "tokens": auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
    "span": auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
    "vocabulary": auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
}
"""transformers' classes by family."""
FURTHER: Mapping[str, Mapping[str, str]] = {
    CHOICE: auto.MODEL_FOR_MULTIPLE_CHOICE_MAPPING_NAMES,
    NEXT: auto.MODEL_FOR_NEXT_SENTENCE_PREDICTION_MAPPING_NAMES,
}
"""The same by what their names end with, of a sequence's head."""
PRETRAINED = "ForPreTraining"
"""What classes end with that have the head of another class, and more."""
TRIED = 5
"""Tokens of a sequence whose words are scored both ways."""
NEAR = 1e-4
"""Largest difference of such scores, by the size of the largest; another head's is of their own size."""


def unsupported_reason(checkpoint: Checkpoint) -> str:
    """Why no class computes a checkpoint's head; empty where one does."""
    name = name_of(checkpoint)
    found, own = (getattr(transformers, each, None) for each in (name, checkpoint.architecture))
    other = own is not found and getattr(own, "config_class", None) is getattr(found, "config_class", None)
    if found is None or (other and checkpoint.ending != PRETRAINED):
        return f"heads of {checkpoint.architecture} are not supported"
    return f"{name} runs a decoder" if "decoder_input_ids" in signature(found.forward).parameters else ""


def name_of(checkpoint: Checkpoint) -> str:
    """The class of its family for such a head; empty for none."""
    names = FURTHER.get(checkpoint.ending) or OF_KIND[HEAD_TYPES[checkpoint.ending]]
    return names.get(value(checkpoint.config, "model_type", str, ""), "")


def unfit(checkpoint: Checkpoint, loaded: Loaded) -> Failure | None:
    """Why the weights give no head, or no encoder; None where they do."""
    encoder = f"{loaded.model.base_model_prefix}."
    found = any(name.startswith(encoder) for name in [*loaded.missing, *loaded.mismatched]) and weights.misfit(
        checkpoint
    )
    if found:
        why, fix = found
        return Failure(f"{checkpoint.folder} does not load as {checkpoint.architecture}", fix, why)
    wrong = sorted(loaded.mismatched)
    scores = checkpoint.head != "vocabulary" and not any(name.startswith(encoder) for name in wrong)
    return head_misfit.find(checkpoint, loaded, loaded.missing, wrong, scores)


def lay_out(checkpoint: Checkpoint, loaded: Loaded, folder: Path) -> tuple[dict[str, Tensor], HeadMetadata]:
    """No tensors, since the encoder's files have them, and what an archive says of it.

    Raises:
        ValueError: a weight is no number.
        Failure: the class scores words otherwise than by the states of their tokens.
    """
    layout.check_finite(loaded.model.state_dict())
    if checkpoint.head == "vocabulary":
        check_by_state(checkpoint, loaded)
    named = type(loaded.model).__name__
    count = score_count(checkpoint) if checkpoint.head == "sequence" else loaded.model.config.num_labels
    return {}, described(checkpoint, [], count, model_class=named)


@torch.inference_mode()
def check_by_state(checkpoint: Checkpoint, loaded: Loaded) -> None:
    """Refuse a head that scores a token's words by more than its state, which `VocabularyHead` gives it.

    Raises:
        Failure: see above.
    """
    model = loaded.model.eval()
    ids = torch.linspace(0, model.config.vocab_size - 1, TRIED).long()[None]
    seen: list[Tensor] = []
    hook = model.base_model.register_forward_hook(lambda module, inputs, outputs: seen.append(outputs[0]))
    whole = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    hook.remove()
    encoder = encoder_replaced(model)
    apart = torch.cat([scores(model, encoder, state[None]) for state in seen[0][0]]) - whole[0]
    if apart.abs().max() > NEAR * whole.abs().max():
        raise Failure(
            f"{type(model).__name__} of {checkpoint.folder} scores words by more than the states of their tokens",
            fix="choose a task that needs no head, such as --task embedding",
        )
