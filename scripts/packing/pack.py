"""A checkpoint folder to `model_store/<name>.mar`: handler package, tokenizer, weights and settings in one file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from handler import config as configuration
from handler import head, model
from handler.config import CHECKPOINT, Dtype, HandlerConfig, ModelConfig, Precision
from handler.errors import ConfigError
from handler.model import Capability
from handler.tasks import supported_tasks
from scripts.console import Failure, step
from scripts.files import provenance, space
from scripts.packing import (
    bounds,
    dense,
    engines,
    heads,
    model_config,
    multi_vector,
    notes,
    query_weights,
    queueing,
    settings_file,
    suggested,
    swagger,
    term_weights,
    tokenizer,
    trial,
)
from scripts.paths import HANDLER
from scripts.sources import checkpoint as checkpoints
from scripts.sources.checkpoint import Checkpoint

ROOM = "make room: three times the weights in the first, which TMPDIR moves, and once in the second (--model-store)"
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)


def pack(
    folder: Path, name: str, version: str, settings: Mapping[str, Any], store: Path, checked: bool = False
) -> tuple[Path, dict[str, Any]]:
    """Build an archive and put it into the store in one step; a failure leaves the store as it was.

    Args:
        folder: checkpoint folder.
        name: what clients will call the model.
        version: of the model.
        settings: keys of `model-config.yaml` that differ from what the checkpoint suggests.
        store: folder of archives.
        checked: ask the archive once before it goes into the store; see `check`.

    Returns:
        The archive, and the report of the check, which is empty without one.

    Raises:
        Failure: the folder is no checkpoint, a setting is wrong, or the archive does not answer.
    """
    if not NAME.fullmatch(name) or not NAME.fullmatch(version):
        raise Failure(
            f"{name!r} {version!r} cannot be a model's name and version", fix="use up to 100 letters, digits, . _ -"
        )
    checkpoint = checkpoints.read(folder)
    config = configure(checkpoint, settings)
    store.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bert-pack-") as temporary,
        space.explained(ROOM, work := Path(temporary), store),
    ):
        with step(f"packing {folder.name} as {name}.mar"):
            stage(checkpoint, work / "stage", config.handler.runtime, stored(config.handler.dtype), config.handler.task)
            config = trial.run(work / "stage", checkpoint, staged(config, checkpoint, work / "stage"))
            (work / "model-config.yaml").write_text(model_config.render(config))
            built = run_archiver(work, name, version)
        report = check(built) if checked else {}
        part = store / f".{name}.{os.getpid()}.part"
        try:
            shutil.copyfile(built, part)
            part.replace(store / f"{name}.mar")
        finally:
            part.unlink(missing_ok=True)
    return store / f"{name}.mar", report


def configure(checkpoint: Checkpoint, settings: Mapping[str, Any]) -> ModelConfig:
    """What the checkpoint says of itself, then `settings` over it.

    Raises:
        Failure: a setting is wrong, or the checkpoint's head is not served and no task was named.
    """
    section = settings.get("handler")
    given = section if isinstance(section, Mapping) else {}
    queue = queueing.suggested(checkpoint, settings.get("batchSize"))
    suggestion = queue | {"handler": suggested.settings(checkpoint, given)}
    try:
        config = configuration.load(model_config.merged(suggestion, settings))
    except ConfigError as error:
        fix = "correct the file for --config, or leave the key out there; docs/reference/settings.md has all keys"
        raise Failure(str(error), fix) from None
    runtime = engines.resolve(checkpoint, config.handler.runtime, stored(config.handler.dtype))
    if config.handler.rerank and not heads.ranks(checkpoint, runtime):
        raise Failure(
            f"handler.rerank is true, and {checkpoint.folder} has no single score to rank by", fix="leave it out"
        )
    known = supported_tasks(capabilities(checkpoint, replace(config.handler, runtime=runtime)))
    if config.handler.task not in known:
        reason = heads.unsupported_reason(checkpoint, runtime) or f"a {checkpoint.architecture} has no head for it"
        named = f"{checkpoint.folder} cannot do {config.handler.task}"
        own = supported_tasks(capabilities(checkpoint, replace(config.handler, runtime=runtime, task=checkpoint.task)))
        raise Failure(
            named if config.handler.task else reason,
            why=reason if config.handler.task else "",
            fix=f"choose one with --task: {', '.join({**own, **known})}",
        )
    bounds.check(config, checkpoint)
    return replace(config, handler=replace(config.handler, runtime=runtime))


def staged(config: ModelConfig, checkpoint: Checkpoint, folder: Path) -> ModelConfig:
    """The settings of what has been laid out: a classifier whose head is not there does not rank."""
    if checkpoint.head != "sequence" or (folder / CHECKPOINT / head.FILE).exists():
        return config
    return replace(config, handler=replace(config.handler, rerank=False))


def stored(precision: Precision) -> Dtype:
    """What weights are stored for; `auto` is decided by each worker, from float32."""
    return "float32" if precision == "auto" else precision


def capabilities(checkpoint: Checkpoint, config: HandlerConfig) -> set[Capability]:
    """What an archive packed so gives its tasks to work with."""
    head = heads.planned(checkpoint, config.runtime, config.task)
    explained = config.runtime in engines.ENCODERS and stored(config.dtype) != "int8"
    return model.capabilities(
        config, head, explained, checkpoint.late_interaction is not None, checkpoint.terms is not None
    )


def stage(
    checkpoint: Checkpoint, target: Path, runtime: str, dtype: Dtype = "float32", task: str = "embedding"
) -> None:
    """Lay out what goes into the archive: the handler package, the checkpoint's files and Swagger UI's in theirs."""
    shutil.copytree(HANDLER, target / "handler", ignore=shutil.ignore_patterns("__pycache__"))
    swagger.write(target)
    folder = target / CHECKPOINT
    folder.mkdir()
    engines.link(checkpoint.folder / "config.json", folder)
    tokenizer.write(checkpoint, folder)
    engines.write(checkpoint, folder, runtime, dtype)
    headless = heads.write(checkpoint, folder, runtime, task)
    dense.write(checkpoint, folder)
    multi_vector.write(checkpoint, folder, dtype)
    term_weights.write(checkpoint, folder)
    query_weights.write(checkpoint, folder)
    provenance.write(provenance.read_verified(checkpoint.root), folder)
    notes.write(notes.Packed(checkpoint, headless, dtype), folder)


def run_archiver(work: Path, name: str, version: str) -> Path:
    """Run `torch-model-archiver` with a temporary folder of its own: it empties `<tmp>/<model name>` first."""
    (work / "tmp").mkdir()
    (work / "out").mkdir()
    command = [
        *(sys.executable, "-m", "model_archiver.model_packaging"),
        *("--model-name", name, "--version", version),
        *("--handler", str(work / "stage" / "handler" / "bert_handler.py")),
        *("--extra-files", str(work / "stage")),
        *("--config-file", str(work / "model-config.yaml")),
        *("--archive-format", "zip-store", "--export-path", str(work / "out")),
    ]
    environment = {**os.environ, "TMPDIR": str(work / "tmp")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    built = work / "out" / f"{name}.mar"
    if result.returncode or not built.is_file():
        raise Failure("torch-model-archiver failed", why=(result.stderr or result.stdout).strip())
    return built


def check(archive: Path) -> dict[str, Any]:
    """Load the archive in a process that sees none of this project's folders, and have it answer one request.

    Returns:
        The answer's shape and the seconds that loading and answering took.

    Raises:
        Failure: it did not load or answer; `why` is the process's traceback.
    """
    script = Path(__file__).with_name("check_archive.py")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with step(f"checking {archive.name}"):
        result = subprocess.run(
            [sys.executable, "-I", str(script), str(archive)], env=environment, capture_output=True, text=True
        )
    if result.returncode:
        raise Failure(
            f"{archive.name} does not answer",
            why=(result.stdout + result.stderr).strip(),
            fix="correct what the last line says; or leave --check out for an archive that runs elsewhere, as on a GPU",
        )
    report: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return report


def preset_settings(settings: Mapping[str, Any], options: Mapping[str, Any], file: Path | None) -> dict[str, Any]:
    """Settings of a preset, then of the operator's file, then of the command line; the last one wins."""
    read = settings_file.read(file) if file else {}
    given = {"handler": {key: value for key, value in options.items() if value is not None}}
    return model_config.merged(model_config.merged(settings, read), given)
