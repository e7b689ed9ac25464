"""Every tensor of a checkpoint: what it becomes, or why it is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from msgspec.structs import replace

from scripts.console import Failure
from scripts.conversion import names
from scripts.conversion.bundle import Bundle
from scripts.conversion.config import BertConfig
from scripts.conversion.names import HEADS, Head, Shapes

LABELS = "output_bias"
"""The tensor that has as many numbers as a classifier has labels."""


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """What is written, and what is not.

    Attributes:
        head: a key of `HEADS`.
        config: with the number of labels.
        used: transformers' name -> name in the checkpoint, in the order of writing.
        skipped: name in the checkpoint -> reason.
    """

    head: str
    config: BertConfig
    used: Mapping[str, str]
    skipped: Mapping[str, str]

    def transposed(self, name: str) -> bool:
        """Whether a tensor lies the other way round: TensorFlow has kernels `(in, out)`, torch `(out, in)`."""
        return self.used[name].endswith("/kernel")

    @property
    def summary(self) -> str:
        """How many tensors of each kind."""
        reasons = ", ".join(f"{count} {why}" for why, count in Counter(self.skipped.values()).most_common())
        total = len(self.used) + len(self.skipped)
        return f"{len(self.used)} of {total} tensors written" + (f"; left out: {reasons}" if reasons else "")


def plan(bundle: Bundle, config: BertConfig, head: str | None, leave_out: Sequence[str]) -> ConversionPlan:
    """Decide about every tensor.

    Args:
        bundle: the checkpoint.
        config: what it says of itself.
        head: a key of `HEADS`; None for the one the checkpoint has.
        leave_out: patterns of further names that are not wanted.

    Raises:
        Failure: a tensor is missing, has another shape than the configuration says, or is not known.
    """
    if not any(name.startswith("bert/") for name in bundle.entries):
        some = ", ".join(list(bundle.entries)[:3])
        raise Failure(f"{bundle.index} holds no BERT of TensorFlow 1: its tensors are named {some}, ...")
    config = replace(config, labels=labels(bundle))
    chosen = head or next(name for name, each in HEADS.items() if has(bundle, shapes(config, each, False)))
    wanted = shapes(config, HEADS[chosen], HEADS[chosen].pooled or has(bundle, names.pooler(config)))
    check(bundle, wanted)
    bare = chosen == "none"
    used = {names.translated(name).removeprefix("bert." if bare else ""): name for name in wanted}
    rest = bundle.entries.keys() - wanted.keys()
    skipped = {name: named(name, leave_out) or names.reason(name) for name in sorted(rest)}
    idle = [pattern for pattern in leave_out if not any(fnmatchcase(name, pattern) for name in rest)]
    if idle:
        raise Failure(
            f"--leave-out {idle[0]} names no tensor that could be left out", fix="leave it away, or correct it"
        )
    unknown = [name for name, why in skipped.items() if not why]
    if unknown:
        raise Failure(
            f"{bundle.index} holds {len(unknown)} tensors that are not part of this model: {', '.join(unknown[:3])}"
            + (", ..." if len(unknown) > 3 else ""),
            why=f"bert_config.json says {config.num_hidden_layers} layers of {config.hidden_size}",
            fix=f"correct the configuration, or leave them out, also by a pattern: --leave-out '{unknown[0]}'",
        )
    return ConversionPlan(chosen, config, used, skipped)


def shapes(config: BertConfig, head: Head, pooled: bool) -> Shapes:
    """What a model with that head needs."""
    found = names.encoder(config) | (names.pooler(config) if pooled else {})
    for part in head.parts:
        found |= part(config)
    return found


def labels(bundle: Bundle) -> int:
    """Of a classifier."""
    return next(iter(bundle.entries[LABELS].shape), 0) if LABELS in bundle.entries else 0


def has(bundle: Bundle, wanted: Shapes) -> bool:
    """Whether the names beside the encoder's are there; those are checked later, with their shapes."""
    return all(name in bundle.entries for name in wanted if not name.startswith(("bert/encoder", "bert/embeddings")))


def check(bundle: Bundle, wanted: Shapes) -> None:
    """Compare names and shapes.

    Raises:
        Failure: one is missing or differs.
    """
    for name, shape in wanted.items():
        entry = bundle.entries.get(name)
        if entry is None:
            raise Failure(
                f"{bundle.index} has no tensor {name}, which bert_config.json asks for",
                fix="name the configuration of this checkpoint with --config, or another head with --head",
            )
        if entry.shape != shape:
            raise Failure(
                f"{name} of {bundle.index} is {list(entry.shape)}, bert_config.json makes it {list(shape)}",
                fix="name the configuration of this checkpoint with --config",
            )


def named(name: str, patterns: Sequence[str]) -> str:
    """Why a tensor is left out that the command named."""
    return next((f"--leave-out {pattern}" for pattern in patterns if fnmatchcase(name, pattern)), "")
