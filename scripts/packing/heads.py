"""A checkpoint's head to `head.safetensors`: its layers, as the family's table names them, and what its scores mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

import msgspec
import torch
import transformers
from safetensors import safe_open
from torch import Tensor

from handler import head as heads
from handler.activations import OF_TRANSFORMERS
from handler.head import HeadMetadata, Reads, Step
from handler.runtimes.base import WEIGHTS
from handler.runtimes.eager import listed
from scripts.console import Failure
from scripts.files.json_files import checked, value
from scripts.packing import layout, weights
from scripts.packing.weights import Loaded, lacking, prefix_of, shapes
from scripts.sources.checkpoint import HEAD_TYPES, Checkpoint
from scripts.sources.configuration import activation, norm_eps
from scripts.sources.families import family
from scripts.sources.families.family import CHOICE, NEXT, READS, Chain
from scripts.sources.sentence_transformers import scores

CLASSES = {
    "sequence": "AutoModelForSequenceClassification",
    "tokens": "AutoModelForTokenClassification",
    "span": "AutoModelForQuestionAnswering",
    "vocabulary": "AutoModelForMaskedLM",
}
FURTHER_CLASSES = {CHOICE: "AutoModelForMultipleChoice", NEXT: "AutoModelForNextSentencePrediction"}
"""Those that score a sequence, too; see `Family.further`."""
FIXED_LABELS: dict[str, list[str]] = {CHOICE: ["choice"], NEXT: ["is_next", "not_next"]}
"""Of classes whose scores `id2label` does not name; `BertForNextSentencePrediction` says which is which."""


def unsupported_reason(checkpoint: Checkpoint) -> str:
    """Why a checkpoint's head cannot be served; empty when it can, or when there is none."""
    if checkpoint.head is None:
        return (
            ""
            if checkpoint.architecture.endswith("Model")
            else f"{checkpoint.architecture} is not a supported model class"
        )
    chain = chain_of(checkpoint)
    if chain is None:
        return f"heads of {checkpoint.architecture} are not supported"
    own = any(step.activation == "config" for step in chain.steps)
    name = own_activation(chain, checkpoint.config)
    if own and name not in OF_TRANSFORMERS:
        return f"the head's activation {name} is not one of {', '.join(OF_TRANSFORMERS)}"
    return ""


def chain_of(checkpoint: Checkpoint) -> Chain | None:
    """The linears of its head; None where its family has no such head."""
    own, end = family(checkpoint.config), checkpoint.ending
    found = own.further.get(end) if end in FURTHER_CLASSES else own.heads.get(HEAD_TYPES[end])
    return found and found.of(checkpoint.config)


def class_of(checkpoint: Checkpoint) -> str:
    """Of transformers, that loads a checkpoint with its head; empty for none."""
    return FURTHER_CLASSES.get(checkpoint.ending) or CLASSES.get(checkpoint.head or "", "")


def score_count(checkpoint: Checkpoint) -> int:
    """How many a head of a sequence gives, by its class or the configuration."""
    return len(FIXED_LABELS.get(checkpoint.ending, ())) or scores(checkpoint.config)


def labels_of(checkpoint: Checkpoint, count: int) -> list[str]:
    """Names of so many scores of a sequence or of tokens.

    Raises:
        Failure: see `labels`.
    """
    return FIXED_LABELS.get(checkpoint.ending) or labels(checkpoint.config, count)


def ranks(checkpoint: Checkpoint) -> bool:
    """Whether an archive may rank texts.

    A classifier ranks by its one score and by nothing else: the cosine of states that were trained to classify is no
    relevance.
    """
    return checkpoint.head != "sequence" or (not unsupported_reason(checkpoint) and score_count(checkpoint) == 1)


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
    config, chain = checkpoint.config, chain_of(checkpoint)
    assert chain is not None  # or there were a reason
    try:
        loaded = weights.load(checkpoint, getattr(transformers, class_of(checkpoint)), torch.float32)
        lacks = unfit(checkpoint, loaded, chain)
        if lacks:
            if needed:
                raise lacks
            return lacks.why
        state = loaded.model.state_dict()
        unbiased = [name for name in modules(chain) if f"{name}.bias" not in state]
        state |= {f"{name}.bias": layout.bias(state, name) for name in unbiased}
        layout.check_finite({name: state[name] for step in chain.steps for name in heads.names(step)})
    except Failure:
        raise
    except Exception as error:  # of any kind, as transformers' class fails over its config.json
        raise Failure(
            f"the head of {checkpoint.folder} does not load as {checkpoint.architecture}",
            why=str(error).strip(),
            fix="take weights that are finite numbers, and the config.json that belongs to them",
        ) from None
    steps = [activated(step, chain, config) for step in chain.steps]
    tensors = {name: state[name].contiguous() for step in steps for name in heads.names(step)}
    count = len(tensors[steps[-1].weight])
    tied = tied_table(tensors[steps[-1].weight], folder) if found == "vocabulary" else None
    if tied:
        del tensors[steps[-1].weight]
        steps[-1] = msgspec.structs.replace(steps[-1], weight=tied)
    description = HeadMetadata(
        found,
        steps,
        [] if found in ("span", "vocabulary") else labels_of(checkpoint, count),
        reads(chain, config),
        function(checkpoint, count) if found == "sequence" else "none",
        checkpoint.rerank,
        norm_eps(config),
        checkpoint.logarithms,
        checkpoint.sparse_pooling,
    )
    layout.save(tensors, folder / heads.FILE, {heads.META: msgspec.json.encode(description).decode()})
    return ""


def unfit(checkpoint: Checkpoint, loaded: Loaded, chain: Chain) -> Failure | None:
    """Why the weights give no head; None where they do."""
    wanted = {name for step in chain.steps for name in heads.names(step)}
    pooled = chain.reads == "pooler"
    missing = [name for name in loaded.missing if name in wanted or (pooled and ".pooler." in name)]
    if prefix_of(missing[:1], loaded.unexpected):
        why, fix = lacking(checkpoint, loaded, missing)
        return Failure(f"the head of {checkpoint.folder} does not load as {checkpoint.architecture}", fix, why)
    if missing:
        return Failure(
            f"{checkpoint.folder} says {checkpoint.architecture} and lacks {missing[0]} of its head",
            fix="take weights that have it, or name a task that needs no head, such as --task embedding",
            why=f"the weights lack {listed(missing)}",
        )
    wrong = {name: both for name, both in loaded.mismatched.items() if name in wanted}
    if not wrong:
        return None
    last = chain.steps[-1]
    why, fix = shapes(wrong, loaded.model.config.to_dict())
    if checkpoint.head != "vocabulary" and wrong.keys() <= {last.weight, last.bias}:
        why, fix = miscounted(checkpoint.config, *(rows for rows, *_ in wrong[min(wrong)]))
    return Failure(f"the head of {checkpoint.folder} does not load as {checkpoint.architecture}", fix, why)


def miscounted(config: Mapping[str, Any], rows: int, expected: int) -> tuple[str, str]:
    """Another number of labels than of scores: what says so, and what to edit."""
    named, count = value(config, "id2label", dict), value(config, "num_labels", int)
    said = [
        *([f"{len(named)} labels in id2label"] if named else []),
        *([f"num_labels {count}"] if count is not None else []),
    ]
    words = f"has {' and '.join(said)}" if said else f"says nothing of labels, which means {expected}"
    why = f"the weights have {rows} scores, and config.json {words}"
    if named and len(named) == rows:
        return why, "remove num_labels from config.json"
    fix = f"name the {rows} labels, 0 to {rows - 1}, in id2label of config.json"
    return why, fix if count in (None, rows) else f"{fix}, and set num_labels to {rows}"


def modules(chain: Chain) -> list[str]:
    """Linears and normalisations."""
    parts = [name for step in chain.steps for name in (step.bias.removesuffix(".bias"), step.norm)]
    return [name for name in parts if name]


def own_activation(chain: Chain, config: Mapping[str, Any]) -> str:
    """What a step's `config` means, as transformers names it."""
    return value(config, chain.activation, str, "gelu") if chain.activation else activation(config)


def activated(step: Step, chain: Chain, config: Mapping[str, Any]) -> Step:
    """The step with the activation of the configuration, where it has that."""
    if step.activation != "config":
        return step
    return msgspec.structs.replace(step, activation=OF_TRANSFORMERS[own_activation(chain, config)])


def reads(chain: Chain, config: Mapping[str, Any]) -> Reads:
    """What the chain reads of a text, which the configuration may say.

    Raises:
        Failure: it says what no class of transformers reads.
    """
    if chain.reads in get_args(Reads):
        return cast(Reads, chain.reads)
    said = value(config, chain.reads, str, chain.usual)
    if said not in READS:
        raise Failure(f"{chain.reads} of config.json is {said}; expected: {' or '.join(READS)}")
    return READS[said]


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
