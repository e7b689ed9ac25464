"""What an archive leaves out of its checkpoint, or does otherwise than its reference by default: a sentence each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import transformers
from safetensors import safe_open

from handler.config import NOTES, Dtype
from scripts.console import err
from scripts.files.json_files import load_if_there, value
from scripts.packing import weights
from scripts.packing.class_heads import OF_KIND
from scripts.packing.heads import class_of
from scripts.packing.multi_vector import PROJECTION
from scripts.sources import pickles, task_adapters
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families import family
from scripts.sources.sentence_transformers import MODEL

HALF = ("float16", "bfloat16")
PRETRAINING = re.compile(r"(cls|lm_head|vocab_\w+|generator_\w+|discriminator_\w+|\w*predictions|head|decoder)\.")
"""Heads that a plain encoder may have kept from its pretraining, and that nobody who loads it as one expects."""
MEANINGLESS = re.compile(r"(^|\.)(position_ids|token_type_ids|inv_freq|num_batches_tracked)$")
"""Buffers, which are made again."""
BESIDE = {
    "adapter_model.*": "an adapter beside whole weights",
}
"""Files of which nothing is served."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What was packed of a checkpoint.

    Attributes:
        checkpoint: all of it.
        headless: why its head is not there; empty where it is, or where there is none.
        dtype: what a CPU computes in.
    """

    checkpoint: Checkpoint
    headless: str
    dtype: Dtype


def write(packed: Packed, folder: Path) -> None:
    """Say what there is to say, and put it into an archive's folder."""
    found = [sentence for each in KINDS for sentence in each(packed)]
    for sentence in found:
        err.print(f"note: {sentence}", style="yellow")
    (folder / NOTES).write_bytes(msgspec.json.format(msgspec.json.encode(found)))


def precision(packed: Packed) -> Iterator[str]:
    """Weights in half precision: transformers computes in it too, unless it is told another."""
    config = packed.checkpoint.config
    named = config.get("dtype") or config.get("torch_dtype")
    theirs = named if named in HALF else stored(packed.checkpoint.weights[-1])
    if theirs in HALF and theirs != packed.dtype:
        yield f"weights are for {theirs}, and computed in {packed.dtype}; transformers computes them in {theirs}"


def variant(packed: Packed) -> Iterator[str]:
    """Weights that have another name than transformers looks for without being told."""
    named = packed.checkpoint.variant
    if named:
        yield f'weights are {packed.checkpoint.weights[0].name}, which transformers reads with variant="{named}"'


def stored(file: Path) -> str:
    """The dtype of a file's first tensor."""
    if file.suffix in pickles.SUFFIXES:
        return next((str(tensor.dtype) for tensor in pickles.load(file, "meta").values()), "").removeprefix("torch.")
    with safe_open(file, framework="pt") as opened:
        names = sorted(opened.keys())
        return str(opened.get_slice(names[0])[:0].dtype).removeprefix("torch.") if names else ""


def head(packed: Packed) -> Iterator[str]:
    """A head that is not served."""
    if packed.headless:
        yield f"the head of {packed.checkpoint.architecture} is left out: {packed.headless}"


def tensors(packed: Packed) -> Iterator[str]:
    """Weights that nothing reads."""
    checkpoint = packed.checkpoint
    unnamed = not checkpoint.config.get("architectures")
    plain = checkpoint.bare and not unnamed
    names = [] if packed.headless else sorted(unused(checkpoint))
    names = [name for name in names if not MEANINGLESS.search(name) and not (plain and PRETRAINING.match(name))]
    if not names:
        return
    classes = " or ".join(f'["{name}"]' for name in classes_of(checkpoint.config, set(names))) if unnamed else ""
    why = "config.json names no architectures, so that a head is left out; " if unnamed else ""
    fix = f'; with "architectures": {classes}, whichever it was trained as, it is served' if classes else ""
    yield f"{why}{len(names)} tensors of the weights are not used, the first of them {names[0]}{fix}"


def unused(checkpoint: Checkpoint) -> set[str]:
    """Names that neither transformers' encoder nor its class with the head, where there is one, reads."""
    kinds = [each for each in ("AutoModel", class_of(checkpoint)) if each]
    found = checkpoint.late_interaction
    read = {PROJECTION} if found and found.projection == checkpoint.root else set()
    return set.intersection(*(unexpected(checkpoint, kind) for kind in kinds)) - read


def unexpected(checkpoint: Checkpoint, kind: str) -> set[str]:
    """Names of tensors for which a class of transformers has no place."""
    try:
        return set(weights.load(checkpoint, getattr(transformers, kind)).unexpected)
    except Exception:  # what does not load is refused by those who need it, with the reason
        return set()


def classes_of(config: Mapping[str, Any], names: Set[str]) -> list[str]:
    """Classes of transformers that have a head of these tensors."""
    kind = value(config, "model_type", str, "")
    chains = {type: chain.of(config) for type, chain in family(config).heads.items()}
    able = [
        type
        for type, chain in chains.items()
        if names >= {step.weight for step in (chain.steps[:1] if type == "vocabulary" else chain.steps)}
    ]  # a vocabulary's matrix may be the table of words
    return [OF_KIND[type][kind] for type in able]


def files(packed: Packed) -> Iterator[str]:
    """Files of which nothing is served."""
    for pattern, words in BESIDE.items():
        for file in sorted({*packed.checkpoint.root.glob(pattern), *packed.checkpoint.folder.glob(pattern)}):
            yield f"{file.name} is not used, {words}"


def code(packed: Packed) -> Iterator[str]:
    """A checkpoint's own classes, which transformers has as well."""
    if packed.checkpoint.config.get("auto_map"):
        yield "auto_map in config.json names code of its own; transformers' own classes are used instead"


def adapters(packed: Packed) -> Iterator[str]:
    """Adapters for tasks, of which none was named."""
    names = task_adapters.names(packed.checkpoint.config)
    if names:
        yield f"adapters for {', '.join(names)} are left out, as encode without a task does; --adapter merges one"


def positions(packed: Packed) -> Iterator[str]:
    """Distances between tokens, for which BERT's classes had tables before transformers 5."""
    named = value(packed.checkpoint.config, "position_embedding_type", str, "absolute")
    if named.startswith("relative"):
        yield f"position_embedding_type {named} is ignored, as transformers 5 does: positions are absolute"


def prompts(packed: Packed) -> Iterator[str]:
    """Prompts for documents under a name that `encode_document` does not look up."""
    names = packed.checkpoint.prompts
    other = next((name for name in ("passage", "corpus") if names.get(name)), None)
    if other and not names.get("document"):
        yield (
            "input_type document puts no prompt before a text, as encode_document of sentence-transformers 6.2; for the"
            f" prompt {other} send prompt_name, or set handler.prompts.document with --config"
        )


def similarity(packed: Packed) -> Iterator[str]:
    """Another similarity than the cosine; of vectors of length 1, the dot product is the cosine."""
    checkpoint = packed.checkpoint
    named = value(load_if_there(checkpoint.root / MODEL), "similarity_fn_name", str, "cosine", MODEL)
    if checkpoint.task == "embedding" and named != "cosine" and not (named == "dot" and checkpoint.normalize):
        yield f"similarity and rerank answer cosines; sentence-transformers takes {named} for this model"


KINDS: tuple[Callable[[Packed], Iterable[str]], ...] = (
    *(variant, precision, head, tensors, files, code, adapters, positions),
    *(prompts, similarity),
)
