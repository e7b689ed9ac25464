"""Heads that are a chain of linears: layers as the family's table names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

import msgspec
import torch
from safetensors import safe_open
from torch import Tensor

from handler import head as heads
from handler.activations import OF_TRANSFORMERS
from handler.head import HeadMetadata, Reads, Step
from handler.runtimes.base import WEIGHTS
from scripts.console import Failure
from scripts.files.json_files import value
from scripts.packing import head_misfit, layout
from scripts.packing.head_labels import described
from scripts.packing.weights import Loaded
from scripts.sources.checkpoint import HEAD_TYPES, Checkpoint
from scripts.sources.configuration import activation, norm_eps
from scripts.sources.families import family
from scripts.sources.families.family import CHOICE, NEXT, READS, Chain


def unsupported_reason(checkpoint: Checkpoint) -> str:
    """Why a checkpoint's head is none; empty where it is one."""
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
    found = own.further.get(end) if end in (CHOICE, NEXT) else own.heads.get(HEAD_TYPES[end])
    return found and found.of(checkpoint.config)


def lay_out(checkpoint: Checkpoint, loaded: Loaded, folder: Path) -> tuple[dict[str, Tensor], HeadMetadata]:
    """Its tensors, and what an archive says of it.

    Args:
        checkpoint: whose head it is.
        loaded: the model with its head.
        folder: of the archive, where the encoder's files are.

    Raises:
        ValueError: a weight is no number.
    """
    config, chain = checkpoint.config, chain_of(checkpoint)
    assert chain is not None  # `unsupported_reason` has been asked
    state = loaded.model.state_dict()
    unbiased = [name for name in modules(chain) if f"{name}.bias" not in state]
    state |= {f"{name}.bias": layout.bias(state, name) for name in unbiased}
    layout.check_finite({name: state[name] for step in chain.steps for name in heads.names(step)})
    steps = [activated(step, chain, config) for step in chain.steps]
    tensors = {name: state[name].contiguous() for step in steps for name in heads.names(step)}
    count = len(tensors[steps[-1].weight])
    tied = tied_table(tensors[steps[-1].weight], folder) if checkpoint.head == "vocabulary" else None
    if tied:
        del tensors[steps[-1].weight]
        steps[-1] = msgspec.structs.replace(steps[-1], weight=tied)
    return tensors, described(checkpoint, steps, count, reads=reads(chain, config), eps=norm_eps(config))


def unfit(checkpoint: Checkpoint, loaded: Loaded) -> Failure | None:
    """Why the weights give no head; None where they do."""
    chain = chain_of(checkpoint)
    assert chain is not None  # `unsupported_reason` has been asked
    wanted = {name for step in chain.steps for name in heads.names(step)}
    pooled = chain.reads == "pooler"
    missing = [name for name in loaded.missing if name in wanted or (pooled and ".pooler." in name)]
    wrong, last = [name for name in loaded.mismatched if name in wanted], chain.steps[-1]
    scores = checkpoint.head != "vocabulary" and {*wrong} <= {last.weight, last.bias}
    return head_misfit.find(checkpoint, loaded, missing, wrong, scores)


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
