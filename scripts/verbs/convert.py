"""The verb that takes Google's checkpoints: `convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from scripts.console import Failure, out, print_json
from scripts.verbs.options import Json

Files = Path | None


def convert(
    checkpoint: Annotated[
        Files, typer.Argument(help="checkpoint prefix such as DIR/bert_model.ckpt, or its folder")
    ] = None,
    config: Annotated[
        Files,
        typer.Option(
            "--config",
            "--bert_config_file",
            help="model configuration [default: bert_config.json beside the checkpoint]",
        ),
    ] = None,
    vocab: Annotated[
        Files, typer.Option("--vocab", help="vocabulary [default: vocab.txt beside the checkpoint]")
    ] = None,
    target: Annotated[Files, typer.Option("--out", help="output folder, created")] = None,
    cased: Annotated[
        bool | None,
        typer.Option(
            "--cased/--uncased", help="whether the model is case-sensitive [default: detected from the vocabulary]"
        ),
    ] = None,
    head: Annotated[
        Literal["classification", "question-answering", "pretraining", "masked-lm", "none"] | None,
        typer.Option("--head", help="head to convert [default: the one the checkpoint has]"),
    ] = None,
    gelu: Annotated[
        Literal["erf", "tanh"],
        typer.Option(
            "--gelu",
            help="variant of GELU. erf: exact, as in Hugging Face's conversions; "
            "tanh: the approximation of Google's code since 2019",
        ),
    ] = "erf",
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", help="pattern of tensors to skip; may be repeated")
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="run one text through the converted model and print checksums of its outputs"),
    ] = False,
    as_json: Json = False,
    classic: Annotated[
        Files, typer.Option("--tf_checkpoint_path", help="the checkpoint; for compatibility with the classic converter")
    ] = None,
    dump: Annotated[
        Files,
        typer.Option(
            "--pytorch_dump_path",
            help="write this PyTorch file instead of a folder; for compatibility with the classic converter",
        ),
    ] = None,
) -> None:
    """Convert a TensorFlow checkpoint of BERT to a Hugging Face folder; TensorFlow is not needed.

    Example: scripts/bert convert uncased_L-12_H-768_A-12 --out bert-base --verify
    """
    from scripts.conversion import convert as converter

    named = checkpoint or classic
    if named is None or (target is None) == (dump is None) or (checkpoint and classic):
        raise typer.BadParameter("name one checkpoint, and where to write: --out DIR, or --pytorch_dump_path FILE")
    source = converter.Source(named, config, vocab, cased, head, gelu, leave_out or ())
    if dump is not None:
        if verify:
            raise Failure("--verify needs a folder with a tokenizer", fix="use --out DIR")
        report = converter.dump(source, dump)
    else:
        assert target is not None
        report = converter.convert(source, target, verify)
    if as_json:
        print_json(report)
        return
    out.print(f"{report.get('folder') or report['file']}: {report['architecture']}, {report['summary']}")
    if "verified" in report:
        sums = report["verified"]
        out.print(
            f"forward over {sums['tokens']} tokens: sum {sums['sum']:.6f}, of absolute values {sums['absolute']:.6f}"
        )
