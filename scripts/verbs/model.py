"""Verbs that make archives: `pull`, `pack`, `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from scripts.console import out, print_json
from scripts.paths import MODEL_STORE
from scripts.sources import pull as puller
from scripts.sources.presets import DEFAULT
from scripts.verbs.options import Config, Dtype, Json, Name, Offline, Revision, Runtime, Store, Task, Version


def pull(
    model: Annotated[str, typer.Argument(help="preset, Hugging Face hub id or checkpoint folder")] = DEFAULT,
    revision: Revision = None,
    offline: Offline = False,
    target: Annotated[Path | None, typer.Option("--out", help="output folder [default: a cache folder]")] = None,
) -> None:
    """Download a model into a local checkpoint folder and print its path.

    Examples: scripts/bert pull; scripts/bert pull google-bert/bert-base-uncased --revision main
    """
    out.print(str(puller.pull(model, target, revision, offline)))


def pack(
    folder: Annotated[Path, typer.Argument(help="checkpoint folder; a TensorFlow checkpoint is converted first")],
    name: Name = "bert",
    version: Version = "1.0",
    task: Task = None,
    runtime: Runtime = None,
    dtype: Dtype = None,
    config: Config = None,
    store: Store = MODEL_STORE,
    adapter: Annotated[
        str | None,
        typer.Option("--adapter", help="LoRA to merge: a folder that peft wrote, or one of the checkpoint's tasks"),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="load the archive in a clean process and run one request")
    ] = False,
    as_json: Json = False,
) -> None:
    """Pack a checkpoint folder into the archive model_store/NAME.mar.

    Example: scripts/bert pack my-model --name mine --task embedding --check
    """
    from scripts.adapters import apply as adapters  # torch takes seconds to import
    from scripts.packing import pack as packer

    settings = packer.preset_settings({}, {"task": task, "runtime": runtime, "dtype": dtype}, config)
    checkpoint = puller.resolve_local(folder)
    if adapter:
        checkpoint = adapters.apply(checkpoint, adapter)
    archive, checked = packer.pack(checkpoint, name, version, settings, store, check)
    if as_json:
        print_json({"archive": str(archive), "bytes": archive.stat().st_size, "check": checked or None})
    else:
        out.print(f"{archive}" + (f": answered in {checked['answer_seconds'] * 1000:.0f} ms" if checked else ""))


def export(
    folder: Annotated[Path, typer.Argument(help="checkpoint folder")],
    target: Annotated[Path, typer.Option("--out", help="output folder for the model and its tokenizer, created")],
    kind: Annotated[
        Literal["onnx", "torchscript"], typer.Option("--format", help="format of the exported model")
    ] = "onnx",
    dtype: Annotated[
        Literal["float32", "int8"], typer.Option("--dtype", help="precision; int8 for onnx only")
    ] = "float32",
    as_json: Json = False,
) -> None:
    """Export a checkpoint to ONNX or TorchScript and report the numerical difference to transformers.

    Example: scripts/bert export my-model --format onnx --out my-model-onnx
    """
    from scripts.packing import export as exporter

    measured = exporter.export(folder, target, kind, dtype)
    if as_json:
        print_json({"folder": str(target), **measured.report()})
    else:
        pooled = "" if measured.pooled is None else f"pooled output within {measured.pooled:.1e}, "
        out.print(
            f"{target}: hidden states within {measured.hidden:.1e} of transformers, {pooled}"
            f"cosines at least {measured.cosine:.6f}, over {measured.sequences} sequences"
        )
