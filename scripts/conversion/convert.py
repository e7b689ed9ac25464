"""Google's TensorFlow checkpoint of a BERT to a Hugging Face folder: `bert convert`.

    index -> account of every tensor -> weights, tensor by tensor -> config.json -> tokenizer -> one forward

TensorFlow is not needed; `scripts/conversion/` reads its files.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.console import Failure, err, step
from scripts.conversion import config as configs
from scripts.conversion import plan, streaming, vocabulary
from scripts.conversion.bundle import Bundle
from scripts.conversion.config import Gelu
from scripts.conversion.names import HEADS
from scripts.conversion.plan import ConversionPlan
from scripts.conversion.vocabulary import Vocabulary
from scripts.files import documents, provenance
from scripts.files.folders import atomic_directory
from scripts.files.provenance import Provenance

WEIGHTS = "model.safetensors"
ENDING = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint and how to read it.

    Attributes:
        checkpoint: its prefix, such as `bert_model.ckpt`; one of its files, or its folder, will do.
        config: its `bert_config.json`; None for the one beside it.
        vocab: its `vocab.txt`; None for the one beside it.
        cased: whether texts keep their case; None to detect that from the vocabulary.
        head: a key of `HEADS`; None for the one it has.
        gelu: form of the activation; see `convert`.
        leave_out: patterns of names of tensors that are not wanted.
    """

    checkpoint: Path
    config: Path | None = None
    vocab: Path | None = None
    cased: bool | None = None
    head: str | None = None
    gelu: Gelu = "erf"
    leave_out: Sequence[str] = ()


def convert(source: Source, target: Path, verified: bool = False) -> dict[str, Any]:
    """Write a Hugging Face folder.

    Hugging Face's conversions of Google's models compute GELU exactly (`erf`), as BERT's first release did; Google's
    later code approximates it (`tanh`), which moves hidden states by about 1e-3.

    Args:
        source: the checkpoint.
        target: folder that does not exist yet.
        verified: load the folder and run one text through it.

    Returns:
        What was written and left out, and why; with `verified`, sums of the forward's states.

    Raises:
        Failure: a file is missing or damaged, or they do not belong together. Nothing stays of the target.
    """
    prefix = checkpoint_prefix(source.checkpoint)
    bundle = Bundle(prefix)
    config_file = source.config or prefix.with_name("bert_config.json")
    config = configs.read(config_file)
    words = vocabulary.read(source.vocab or prefix.with_name("vocab.txt"), config.vocab_size)
    taken = plan.plan(bundle, config, source.head, source.leave_out)
    cased, why = casing(words, source.cased)
    with atomic_directory(target) as part:
        with step(f"converting {prefix.name}"):
            write_weights(bundle, taken, part / WEIGHTS)
            write_config(taken, source.gelu, words, part / "config.json")
            vocabulary.write(words, part, cased, config.max_position_embeddings)
            source_name = f"{prefix.resolve().parent.name}/{prefix.name}"
            provenance.write_with_digests(
                Provenance(source_name, made_from=digests(bundle, config_file, words.file)), part
            )
        sums = forward(part, HEADS[taken.head].architecture) if verified else {}
    return {
        "folder": str(target),
        "architecture": HEADS[taken.head].architecture,
        "summary": taken.summary,
        "cased": cased,
        "casing": why,
        "gelu": source.gelu,
        "used": dict(taken.used),
        "left_out": dict(taken.skipped),
        **({"verified": sums} if verified else {}),
    }


def dump(source: Source, target: Path) -> dict[str, Any]:
    """What the classic converter does: one file that `torch.load` reads, and nothing else.

    Args:
        source: the checkpoint; its vocabulary is not looked at.
        target: file that does not exist yet.

    Raises:
        Failure: see `convert`.
    """
    import torch
    from safetensors.torch import load_file

    if target.exists():
        raise Failure(f"{target} exists", fix="name a file that does not exist yet")
    documents.check_writable(target)
    prefix = checkpoint_prefix(source.checkpoint)
    bundle = Bundle(prefix)
    config = configs.read(source.config or prefix.with_name("bert_config.json"))
    taken = plan.plan(bundle, config, source.head, source.leave_out)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
        part = Path(temporary) / WEIGHTS
        with step(f"converting {prefix.name}"):
            write_weights(bundle, taken, part)
            made = part.with_suffix(".bin")
            torch.save(with_tied_weights(load_file(part)), made)  # mapped from the file, not in memory
        made.replace(target)
    return {"file": str(target), "architecture": HEADS[taken.head].architecture, "summary": taken.summary}


def with_tied_weights(weights: dict[str, Any]) -> dict[str, Any]:
    """With the tensors that a head over words shares, as a model's `state_dict` has them; saved once."""
    bias = weights.get("cls.predictions.bias")
    if bias is None:
        return weights
    tied = {"weight": weights["bert.embeddings.word_embeddings.weight"], "bias": bias}
    return weights | {f"cls.predictions.decoder.{name}": tensor for name, tensor in tied.items()}


def checkpoint_prefix(checkpoint: Path) -> Path:
    """The prefix of a checkpoint's files.

    Raises:
        Failure: there is none, or a folder holds several.
    """
    if not checkpoint.is_dir():
        return checkpoint.with_name(ENDING.sub("", checkpoint.name))
    found = sorted(checkpoint.glob("*.index"))
    if len(found) != 1:
        names = ", ".join(file.name.removesuffix(".index") for file in found) or "none"
        raise Failure(
            f"{checkpoint} should hold one checkpoint; it holds {names}",
            fix="name one by its prefix; files without an .index are of TensorFlow's first format, which is not read",
        )
    return checkpoint_prefix(found[0])


def identity(source: Source) -> str:
    """Digits that change with the checkpoint, whose index holds the checksum of every tensor."""
    prefix = checkpoint_prefix(source.checkpoint)
    index = prefix.with_name(f"{prefix.name}.index")
    files = (index, prefix.with_name("bert_config.json"), prefix.with_name("vocab.txt"))
    return provenance.combined(provenance.digest(file) for file in files if file.exists())[:12]


def casing(words: Vocabulary, cased: bool | None) -> tuple[bool, str]:
    """Whether texts keep their case, said aloud: a wrong guess spoils every answer and shows nowhere."""
    found = vocabulary.detect(words)
    chosen = found.cased if cased is None else cased
    name = "cased" if chosen else "uncased"
    err.print(f"{name}: {found.why}" + ("" if cased is None else f", and --{name} was said"))
    if chosen != found.cased:
        lost = "every word with a capital becomes [UNK]" if chosen else "no word with a capital is ever found"
        err.print(f"careful: with --{name} {lost}", style="yellow")
    return chosen, found.why


def write_weights(bundle: Bundle, taken: ConversionPlan, file: Path) -> None:
    """Every used tensor, as torch has it."""

    def read(name: str) -> NDArray[np.float32]:
        theirs = taken.used[name]
        tensor = bundle.read(theirs)
        if not np.isfinite(tensor).all():
            raise Failure(
                f"{theirs} of {bundle.index} holds NaN or infinity", fix="its training went wrong; take another"
            )
        return tensor.T if taken.transposed(name) else tensor

    shapes = {}
    for name, theirs in taken.used.items():
        shape = bundle.entries[theirs].shape
        shapes[name] = shape[::-1] if taken.transposed(name) else shape
    streaming.write(file, shapes, read)


def write_config(taken: ConversionPlan, gelu: Gelu, words: Vocabulary, file: Path) -> None:
    """`config.json`."""
    keys = configs.to_config(taken.config, HEADS[taken.head].architecture, gelu, words.padding)
    file.write_text(json.dumps(keys, indent=2) + "\n")


def digests(bundle: Bundle, *others: Path) -> dict[str, str]:
    """Of the files that were read, by name."""
    data = map(bundle.file, range(bundle.shards))
    return {file.name: provenance.digest(file) for file in (bundle.index, *data, *others)}


def forward(folder: Path, architecture: str) -> dict[str, Any]:
    """Load the folder as transformers does, and sum up the states of one text.

    Raises:
        ConfigError: transformers misses a weight other than the pooler's, which a checkpoint may lack.
    """
    import torch
    import transformers
    from transformers import AutoTokenizer
    from transformers.utils import logging

    from handler.runtimes.eager import check_missing

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # it lists the pooler as unexpected under some heads
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with step("verifying"):
        model, report = getattr(transformers, architecture).from_pretrained(
            folder, output_loading_info=True, dtype=torch.float32, attn_implementation="eager"
        )
        check_missing(name.removeprefix("bert.") for name in report["missing_keys"])
        tokenizer = AutoTokenizer.from_pretrained(folder)
        inputs = tokenizer("Hello, how are you? 你好吗？", return_tensors="pt", truncation=True)
        with torch.inference_mode():
            states = model.base_model(**inputs).last_hidden_state
    return {
        "tokens": states.shape[1],
        "sum": float(states.double().sum()),
        "absolute": float(states.double().abs().sum()),
    }
