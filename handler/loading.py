"""Wires an unpacked archive together: settings, device, runtime, tokenizer, heads, and the pipeline over them."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import msgspec
import torch
from msgspec.structs import replace

from handler import config as configuration
from handler import head as heads
from handler import runtimes
from handler.config import CHECKPOINT, ORIGIN, ModelConfig
from handler.errors import ConfigError
from handler.head import Head
from handler.pipeline import Pipeline
from handler.runtimes import budgets, cuda, explaining
from handler.runtimes.base import Placement
from handler.tasks.base import Archive
from handler.telemetry import Emit, Telemetry
from handler.text import TextEncoder
from handler.workers import Workers


def load(
    folder: Path,
    name: str,
    version: str,
    settings: dict[str, object],
    gpu: int | None,
    emit: Emit,
    locks: str | None = None,
) -> Pipeline:
    """Build the pipeline of an unpacked archive.

    Args:
        folder: where the archive was unpacked.
        name: of the model, as clients call it.
        version: of the model.
        settings: the decoded `model-config.yaml`.
        gpu: number of the GPU this worker was given; None for none.
        emit: where counters go.
        locks: folder in which the workers of a server show each other that they are busy.

    Raises:
        ConfigError: the settings are wrong, or ask for what this machine cannot do.
    """
    config = configuration.load(settings)
    placement = place(config, gpu)
    device = placement.device
    if device == "cpu":  # the tokenizer's threads would wait for cores that other workers hold
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    runtime = runtimes.pick(config.handler.runtime, placement)(folder / CHECKPOINT, placement)
    tokens = config.handler.token_budget or budgets.find(runtime, placement, folder / CHECKPOINT, config.handler)
    config = replace(config, handler=replace(config.handler, dtype=placement.dtype, token_budget=tokens))
    encoder = TextEncoder.load(folder / CHECKPOINT / "tokenizer.json", config.handler)
    hidden = runtime.run([encoder.wrap([])])[0].hidden  # also the first, slow pass
    head, dense = (
        Head(folder / CHECKPOINT, device, file) if (folder / CHECKPOINT / file).exists() else None
        for file in (heads.FILE, heads.DENSE)
    )
    explain = cache(lambda: explaining.make(runtime, folder / CHECKPOINT, device))
    archive = Archive(
        name,
        version,
        config.handler,
        encoder,
        hidden.shape[1],
        device,
        runtime.name,
        runtime.words,
        runtime.exact,
        head,
        dense,
        origin=origin(folder / CHECKPOINT),
        explain=explain if explaining.available(folder / CHECKPOINT) else None,
    )
    workers = Workers(name, Path(locks) if locks else None, config.handler.threads, config.minWorkers)
    return Pipeline(archive, config, runtime, Telemetry(emit), workers)


def place(config: ModelConfig, gpu: int | None) -> Placement:
    """The device this worker was given, and the dtype there; `auto` is the fastest it has with float32's range.

    Raises:
        ConfigError: `deviceType` asks for a GPU, and there is none that torch can use.
    """
    usable = gpu is not None and torch.cuda.is_available()
    if config.deviceType == "gpu" and not usable:
        given = "TorchServe gave this worker none" if gpu is None else "torch cannot use it"
        raise ConfigError(f"model-config.yaml, deviceType is gpu, and {given}; scripts/bert doctor says why")
    device = f"cuda:{gpu}" if usable else "cpu"
    dtype = config.handler.dtype
    if dtype == "auto":
        dtype = cuda.half(device) if usable else "float32"
    return Placement(device, dtype)


def origin(checkpoint: Path) -> dict[str, object]:
    """What the packer wrote down of the checkpoint's past."""
    file = checkpoint / ORIGIN
    return msgspec.json.decode(file.read_bytes(), type=dict[str, object]) if file.exists() else {}
