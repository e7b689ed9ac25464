"""The verb `finetune`: labelled lines to a classifier."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from typing import Annotated, Literal

import typer

from scripts.console import out, print_json
from scripts.sources.presets import DEFAULT
from scripts.verbs.options import Json


def finetune(
    data: Annotated[
        Path, typer.Option("--data", help="labelled examples, .csv or .jsonl", exists=True, dir_okay=False)
    ],
    target: Annotated[Path, typer.Option("--out", help="output folder for the trained checkpoint")],
    task: Annotated[
        Literal["text-classification", "token-classification"], typer.Option("--task", help="task to train")
    ] = "text-classification",
    base: Annotated[
        str, typer.Option("--base", help="base model: preset, Hugging Face hub id or checkpoint folder")
    ] = DEFAULT,
    frozen: Annotated[
        bool, typer.Option("--frozen/--full", help="train the head (and BERT's pooler) only, or the full model")
    ] = False,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="maximum number of epochs")] = 12,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="examples per training step")] = 16,
    learning_rate: Annotated[
        float,
        typer.Option(
            "--learning-rate",
            min=0.0,
            help="peak learning rate [default: 0.038 / width; 2e-3 if frozen]",
            show_default=False,
        ),
    ] = 0,
    patience: Annotated[
        int, typer.Option("--patience", min=1, help="epochs without improvement before training stops")
    ] = 3,
    held_out: Annotated[
        float, typer.Option("--held-out", min=0.01, max=0.9, help="fraction of the examples held out for evaluation")
    ] = 0.2,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=10**9, help="random seed of split, head, order and dropout")
    ] = 0,
    max_length: Annotated[
        int,
        typer.Option(
            "--max-length",
            min=0,
            help="maximum sequence length in tokens [default: the checkpoint's]",
            show_default=False,
        ),
    ] = 0,
    text_column: Annotated[str | None, typer.Option("--text-column", help="column of the text [default: text]")] = None,
    label_column: Annotated[
        str | None, typer.Option("--label-column", help="column of the label [default: label]")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="discard an interrupted training and start from the beginning")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fine-tune a model on labelled examples and write a checkpoint folder for `pack`.

    After an interruption, run it again: it resumes after the last complete epoch.

    Example: scripts/bert finetune --task text-classification --data tickets.csv --out my-classifier
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads; else other work slows it by times
    from scripts.finetuning import finetune as tuner  # torch and transformers take seconds to import
    from scripts.finetuning import report as reports

    settings = tuner.Settings(task, frozen, epochs, batch_size, learning_rate, patience, held_out, seed, max_length)
    begin = monotonic()
    report = tuner.finetune(data, base, target, settings, text_column, label_column, fresh)
    if as_json:
        print_json({"folder": str(target), **report})
    else:
        reports.show(report)
        out.print(f"{target}: trained in {monotonic() - begin:.0f} s; next: scripts/bert pack {target} --name NAME")
