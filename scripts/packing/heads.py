"""A checkpoint's head to `head.safetensors`: its layers, as the family's table names them, and what its scores mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import safe_open
from torch import Tensor

from handler import head as heads
from handler.activations import OF_TRANSFORMERS
from handler.head import Function, HeadMetadata, HeadType, Step
from handler.runtimes.base import WEIGHTS
from scripts.console import Failure
from scripts.files.json_files import checked, value
from scripts.packing import layout
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families import Chain, activation, family, norm_eps
from scripts.sources.sentence_transformers import scores

CLASSES = {
    "sequence": "AutoModelForSequenceClassification",
    "tokens": "AutoModelForTokenClassification",
    "span": "AutoModelForQuestionAnswering",
    "vocabulary": "AutoModelForMaskedLM",
}


def unsupported_reason(checkpoint: Checkpoint) -> str:
    """Why a checkpoint's head cannot be served; empty when it can, or when there is none."""
    served, found = family(checkpoint.config).heads, checkpoint.head
    if found is None:
        return (
            ""
            if checkpoint.architecture.endswith("Model")
            else f"{checkpoint.architecture} is not a supported model class"
        )
    if found not in served:
        return f"heads of {checkpoint.architecture} are not supported"
    own = any(step.activation == "config" for step in served[found].steps)
    name = activation(checkpoint.config)
    if own and name not in OF_TRANSFORMERS:
        return f"the head's activation {name} is not one of {', '.join(OF_TRANSFORMERS)}"
    return ""


def ranks(checkpoint: Checkpoint) -> bool:
    """Whether an archive may rank texts.

    A classifier ranks by its one score and by nothing else: the cosine of states that were trained to classify is no
    relevance.
    """
    return checkpoint.head != "sequence" or (not unsupported_reason(checkpoint) and scores(checkpoint.config) == 1)


def write(checkpoint: Checkpoint, folder: Path, needed: bool) -> str:
    """Put the head, if there is one, beside the encoder's files, which must be there already.

    Returns:
        Why it is left out; empty where it is not, or where there is none.

    Raises:
        Failure: the checkpoint lacks a weight of its head, which the archive's task needs.
    """
    found, reason = checkpoint.head, unsupported_reason(checkpoint)
    if found is None or reason:
        return reason
    config = checkpoint.config
    chain = family(config).heads[found]
    try:
        state, missing = load(checkpoint, found, chain)
        layout.check_finite({name: state[name] for step in chain.steps for name in heads.names(step)})
    except Failure:
        raise
    except Exception as error:  # of any kind, as transformers' class fails over its config.json
        raise Failure(
            f"the head of {checkpoint.folder} does not load as {checkpoint.architecture}",
            why=str(error).strip(),
            fix="weights must be finite numbers, as many labels as id2label of config.json names",
        ) from None
    if missing:
        if needed:
            raise Failure(
                f"{checkpoint.folder} says {checkpoint.architecture} and lacks {missing[0]} of its head",
                fix="name a task that needs no head, such as --task embedding",
            )
        return f"the weights lack {missing[0]}"
    steps = [activated(step, config) for step in chain.steps]
    weights = {name: state[name].contiguous() for step in steps for name in heads.names(step)}
    count = len(weights[steps[-1].weight])
    tied = tied_table(weights[steps[-1].weight], folder) if found == "vocabulary" else None
    if tied:
        del weights[steps[-1].weight]
        steps[-1] = msgspec.structs.replace(steps[-1], weight=tied)
    description = HeadMetadata(
        found,
        steps,
        [] if found in ("span", "vocabulary") else labels(config, count),
        chain.pooled,
        function(config, count) if found == "sequence" else "none",
        checkpoint.rerank,
        norm_eps(config),
    )
    layout.save(weights, folder / heads.FILE, {heads.META: msgspec.json.encode(description).decode()})
    return ""


def load(checkpoint: Checkpoint, found: HeadType, chain: Chain) -> tuple[Mapping[str, Tensor], list[str]]:
    """The whole model's weights, on the CPU in float32, and the names of those of its head that are missing."""
    import transformers

    model, report = getattr(transformers, CLASSES[found]).from_pretrained(
        checkpoint.folder,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    wanted = {name for step in chain.steps for name in heads.names(step)}
    return model.state_dict(), sorted(wanted & set(report["missing_keys"]))


def activated(step: Step, config: Mapping[str, Any]) -> Step:
    """The step with the model's own activation, where it has that."""
    if step.activation != "config":
        return step
    return msgspec.structs.replace(step, activation=OF_TRANSFORMERS[activation(config)])


def tied_table(decoder: Tensor, folder: Path) -> str | None:
    """Where the same values lie already: in the table of words of the packed file."""
    if not (folder / WEIGHTS).exists():
        return None
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        return f"{WEIGHTS}:word" if torch.equal(file.get_tensor("word"), decoder) else None


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


def function(config: Mapping[str, Any], count: int) -> Function:
    """What transformers' text-classification pipeline applies to that many scores."""
    problem = value(config, "problem_type", str)
    if problem == "regression":
        return "none"
    return "sigmoid" if problem == "multi_label_classification" or count == 1 else "softmax"
