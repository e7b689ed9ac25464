"""A file of labelled lines to a checkpoint folder that `pack` takes: `bert finetune`."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import Progress

from handler.config import SHORTEST
from scripts.console import Failure, err
from scripts.files import provenance
from scripts.files.folders import is_nonempty
from scripts.files.provenance import Provenance
from scripts.finetuning import model as models
from scripts.finetuning.examples import Example
from scripts.finetuning.split import Split, check_labels, split
from scripts.finetuning.state import TrainingState, training_folder_lock
from scripts.finetuning.tasks import TASKS
from scripts.finetuning.training import Training, TrainingArguments
from scripts.packing import tokenizer as tokenizers
from scripts.sources import checkpoint as checkpoints
from scripts.sources import pull as puller
from scripts.sources.checkpoint import TOKENIZER_FILES, Checkpoint
from scripts.sources.configuration import hidden_size
from scripts.sources.presets import presets

FILE = "finetune.json"
RESULT = "result"  # the folder before it is whole and moves to its place
FULL_RATE = 1e-4 * 384  # times 1 / width of the model: Adam's steps add up over the width
FROZEN_RATE = 2e-3


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator chose.

    Attributes:
        task: key of `TASKS`.
        frozen: only the head and BERT's pooler learn.
        epochs, batch_size, patience, seed: see `TrainingArguments`.
        learning_rate: the highest; 0 is worked out from the width of the model.
        held_out: share of each label's texts.
        max_length: longest sequence in tokens; 0 is the checkpoint's.
    """

    task: str
    frozen: bool = False
    epochs: int = 12
    batch_size: int = 16
    learning_rate: float = 0
    patience: int = 3
    held_out: float = 0.2
    seed: int = 0
    max_length: int = 0


def finetune(
    file: Path,
    base: str,
    target: Path,
    settings: Settings,
    text_column: str | None = None,
    label_column: str | None = None,
    fresh: bool = False,
) -> dict[str, Any]:
    """Train, or go on where the same command was stopped, and put the result in its place when it is whole.

    Args:
        file: labelled lines, `.csv` or `.jsonl`.
        base: name of a preset, id on the hub, or checkpoint folder.
        target: folder that does not exist yet.
        settings: how to train.
        text_column: of plain texts, instead of `text`.
        label_column: of plain texts, instead of `label`.
        fresh: drop an unfinished training.

    Returns:
        The content of `finetune.json`: settings, data, epochs and metrics.

    Raises:
        Failure: a line, the base or the target cannot be used, or an unfinished training differs.
    """
    if is_nonempty(target):
        raise Failure(f"{target} is not empty", fix="name a folder that does not exist yet with --out")
    task = TASKS[settings.task]
    examples = task.read(file, text_column, label_column)
    labels = check_labels(file, examples, task.least)
    parts = split(examples, settings.held_out, settings.seed)
    checkpoint = checkpoints.read(puller.pull(base))
    chosen = complete(settings, checkpoint)
    columns = {"text_column": text_column, "label_column": label_column}
    data, bases = provenance.digest(file), provenance.digests(checkpoint.root, result_determining_files(checkpoint))
    with training_folder_lock(target, fresh) as state:
        state.record_or_check_settings(
            {"data": data, "base": provenance.combined(bases.values()), **asdict(chosen), **columns}
        )
        model, tokenizer, trained = train(state, chosen, checkpoint, labels, parts)
        name = base if base in presets() else checkpoint.root.resolve().name
        report = {
            "task": chosen.task,
            "base": name,
            "settings": {**asdict(chosen), **columns},
            "data": {
                "file": file.name,
                "sha256": data,
                "learned": len(parts.train),
                "held_out": len(parts.validation),
                "cut": trained.pop("cut"),
            },
            **trained,
        }
        origin = Provenance(f"{name}, fine-tuned", made_from={file.name: data, **bases})
        write(state, model, tokenizer, chosen.max_length, report, origin).rename(target)
    return report


def train(
    state: TrainingState, settings: Settings, checkpoint: Checkpoint, labels: Sequence[str], parts: Split[Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """The model with its best epoch's weights, the tokenizer, and the epochs, metrics and number of cut lines."""
    task = TASKS[settings.task]
    tokenizer = tokenizers.build(checkpoint.folder, has_file=False)
    model = models.build(checkpoint, task, task.outputs(labels), settings.frozen, settings.seed)
    train, cut = task.encode(parts.train, tokenizer, settings.max_length, model)
    validation, cut_too = task.encode(parts.validation, tokenizer, settings.max_length, model)
    print_data_warnings(parts, cut + cut_too, settings.max_length)
    training = Training(model, training_arguments(settings, task.best), train, validation)
    with Progress(console=err, disable=not err.is_terminal) as progress:
        bar = progress.add_task("training", total=settings.epochs * len(train))
        metrics = training.run(
            state,
            lambda predictions: task.measure(parts.validation, validation, predictions, labels),
            lambda count: progress.advance(bar, count),
        )
    trained = {"epochs": training.history, "best_epoch": training.best, "metrics": metrics, "cut": cut + cut_too}
    return model, tokenizer, trained


def complete(settings: Settings, checkpoint: Checkpoint) -> Settings:
    """Settings with what follows from the checkpoint.

    Raises:
        Failure: sequences longer than the checkpoint's or too short for any text, or a rate that is no number.
    """
    longest = settings.max_length or checkpoint.max_length
    if longest > checkpoint.max_length:
        raise Failure(f"--max-length {longest} is beyond the checkpoint's {checkpoint.max_length}")
    config = checkpoint.config
    if longest < SHORTEST:
        raise Failure(f"--max-length {longest} leaves no room for a text", fix=f"{SHORTEST} or more")
    if not math.isfinite(settings.learning_rate):
        raise Failure(f"--learning-rate is {settings.learning_rate}", fix="leave it out for the usual one")
    width = hidden_size(config)
    rate = settings.learning_rate or (FROZEN_RATE if settings.frozen else FULL_RATE / width)
    return replace(settings, learning_rate=rate, max_length=longest)


def training_arguments(settings: Settings, best: str) -> TrainingArguments:
    """Settings as the training takes them."""
    return TrainingArguments(
        settings.epochs, settings.batch_size, settings.learning_rate, settings.patience, settings.seed, best
    )


def result_determining_files(checkpoint: Checkpoint) -> list[Path]:
    """Files of a checkpoint that decide the result of a training."""
    names = ("config.json", *TOKENIZER_FILES)
    return [*checkpoint.weights, *(file for name in names if (file := checkpoint.folder / name).exists())]


def print_data_warnings(parts: Split[Example], cut: int, longest: int) -> None:
    """Say what the data holds that nobody may have expected."""
    if cut:
        err.print(f"{cut} lines are longer than {longest} tokens and were cut; --max-length sets the limit")
    named: dict[tuple[str, ...], Example] = {}
    for example in [*parts.train, *parts.validation]:
        first = named.setdefault(example.key, example)
        if first.labels != example.labels:
            err.print(f"lines {first.line} and {example.line} are the same text with other labels")


def write(
    state: TrainingState, model: Any, tokenizer: Any, longest: int, report: dict[str, Any], origin: Provenance
) -> Path:
    """The whole result, in the folder of the training."""
    folder = state.folder / RESULT
    shutil.rmtree(folder, ignore_errors=True)
    model.cpu().eval().save_pretrained(folder)
    tokenizer.backend_tokenizer.no_truncation()  # of the last call, or of the base; the packer decides by the length
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = longest
    tokenizer.save_pretrained(folder)
    (folder / FILE).write_text(json.dumps(report, indent=2) + "\n")
    provenance.write_with_digests(origin, folder)
    return folder
