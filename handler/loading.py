"""Wires an unpacked archive together: settings, device, runtime, tokenizer, heads, and the pipeline over them."""

from __future__ import annotations

import atexit
import os
from functools import cache
from logging import getLogger
from pathlib import Path

import msgspec
import numpy as np
import torch
from msgspec.structs import replace

from handler import config as configuration
from handler import head as heads
from handler import late_interaction, observability, query_weights, runtimes, term_weights
from handler.config import CHECKPOINT, NOTES, ORIGIN, Dtype, HandlerConfig, ModelConfig
from handler.errors import BertError, ConfigError
from handler.head import Head
from handler.keys import Keys
from handler.late_interaction import LateInteraction
from handler.model import LoadedModel
from handler.pipeline import Pipeline
from handler.query_weights import QueryWeights
from handler.runtimes import budgets, cuda, explaining, masking
from handler.runtimes.base import Placement, Runtime
from handler.sides import Sides
from handler.telemetry import Emit, Telemetry
from handler.term_weights import TermWeights
from handler.text import TextTokenizer
from handler.workers import WorkerRegistry

log = getLogger(__name__)

WARM = 3
"""Tokens of the first sequence: some models run none of fewer."""
PROBES = 8
"""Longest texts that `dtype: auto` tries. Models that overflow do so at special tokens, whatever the text."""


def load(
    folder: Path,
    name: str,
    version: str,
    settings: dict[str, object],
    gpu: int | None,
    emit: Emit,
    locks: str | None = None,
    keys: str | None = None,
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
        keys: file of the keys of those who may ask; None for everybody.

    Raises:
        ConfigError: the settings are wrong, or ask for what this machine cannot do.
    """
    config, checkpoint = configuration.load(settings), folder / CHECKPOINT
    device = choose_device(config, gpu)
    if device == "cpu":  # the tokenizer's threads would wait for cores that other workers hold
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    tokenizer = TextTokenizer.load(checkpoint / "tokenizer.json", config.handler)
    runtime, placement = load_runtime(checkpoint, config.handler, device, tokenizer)
    tokens = config.handler.token_budget or budgets.load_or_measure(runtime, placement, checkpoint, config.handler)
    config = replace(config, handler=replace(config.handler, dtype=placement.dtype, token_budget=tokens))
    width = warm(runtime, tokenizer)
    head = load_head(checkpoint, device)
    hidden_size = runtime.word_embeddings().shape[1] if head and head.description.replaces_states else width
    dense = Head(checkpoint, device, heads.DENSE) if (checkpoint / heads.DENSE).exists() else None
    interaction = LateInteraction(checkpoint, device) if (checkpoint / late_interaction.FILE).exists() else None
    terms = TermWeights(checkpoint, device) if (checkpoint / term_weights.FILE).exists() else None
    queries = QueryWeights(checkpoint) if (checkpoint / query_weights.FILE).exists() else None
    sides = Sides(checkpoint, device, dense) if (checkpoint / heads.QUERY_DENSE).exists() else None
    if interaction and interaction.description.masks:
        runtime.masked = masking.make(runtime, checkpoint, device)
    explain = cache(lambda: explaining.make(runtime, checkpoint, device))
    model = LoadedModel(
        name,
        version,
        config.handler,
        tokenizer,
        hidden_size,
        device,
        runtime.name,
        runtime.word_embeddings,
        runtime.exact,
        head,
        dense,
        interaction,
        terms,
        queries,
        sides,
        provenance=provenance(checkpoint),
        notes=notes(checkpoint),
        explain=explain if explaining.available(checkpoint) else None,
    )
    workers = WorkerRegistry(name, Path(locks) if locks else None, config.handler.threads, config.minWorkers)
    recorder = observability.begin(model, locks)
    atexit.register(recorder.close)
    return Pipeline(model, config, runtime, Telemetry(emit, recorder.flush), workers, Keys(keys), recorder)


def choose_device(config: ModelConfig, gpu: int | None) -> str:
    """The device this worker was given.

    Raises:
        ConfigError: `deviceType` asks for a GPU, and there is none that torch can use.
    """
    usable = gpu is not None and torch.cuda.is_available() and cuda.supported(f"cuda:{gpu}")
    if config.deviceType == "gpu" and not usable:
        given = "TorchServe gave this worker none" if gpu is None else "torch cannot use it"
        raise ConfigError(f"model-config.yaml, deviceType is gpu, and {given}; scripts/bert doctor says why")
    return f"cuda:{gpu}" if usable else "cpu"


def load_runtime(
    checkpoint: Path, config: HandlerConfig, device: str, tokenizer: TextTokenizer
) -> tuple[Runtime, Placement]:
    """The runtime, and where it computes; `dtype: auto` is the first of `candidates` whose range long texts keep to.

    Raises:
        ConfigError: there is no such runtime, or not on this device or in this dtype.
    """
    *limited, last = (Placement(device, dtype) for dtype in candidates(config, device))
    for placement in limited:
        runtime = runtimes.pick(config.runtime, placement)(checkpoint, placement)
        if finite(runtime, tokenizer, config.max_length):
            return runtime, placement
        log.warning("this model leaves the range of %s; the worker takes another dtype", placement.dtype)
        del runtime  # the next one may need its memory
        torch.cuda.empty_cache()
    return runtimes.pick(config.runtime, last)(checkpoint, last), last


def load_head(checkpoint: Path, device: str) -> Head | None:
    """What the checkpoint was fine-tuned with; None for nothing."""
    if not (checkpoint / heads.FILE).exists():
        return None
    description = heads.described(checkpoint)
    if not description.model_class or description.replaces_states:
        return Head(checkpoint, device)
    from handler.vocabulary_head import VocabularyHead  # it needs transformers, which others do without

    return VocabularyHead(checkpoint, device)


def warm(runtime: Runtime, tokenizer: TextTokenizer) -> int:
    """The first, slow pass; how wide states are.

    Raises:
        ConfigError: they are no numbers.
    """
    try:
        (output,) = runtime.run([tokenizer.add_special_tokens([tokenizer.vocabulary // 2] * WARM)])
        return int(output.hidden.shape[1])
    except BertError as error:
        raise ConfigError(f"handler.dtype: {error}") from None


def candidates(config: HandlerConfig, device: str) -> tuple[Dtype, ...]:
    """Dtypes to try in turn."""
    if config.dtype != "auto":
        return (config.dtype,)
    return ("float32",) if device == "cpu" else cuda.dtypes(device)


def finite(runtime: Runtime, tokenizer: TextTokenizer, max_length: int) -> bool:
    """Whether states of texts of all ids, with their special tokens, are numbers."""
    body = max_length - len(tokenizer.add_special_tokens([]))
    ids = range(0, tokenizer.vocabulary, max(1, tokenizer.vocabulary // (PROBES * body)))
    probes = [tokenizer.add_special_tokens([*ids[first : first + body]]) for first in range(0, len(ids), body)][:PROBES]
    try:
        return all(np.isfinite(output.hidden).all() for output in runtime.run(probes))
    except BertError:  # what stays on a device is looked at when it is read
        return False


def provenance(checkpoint: Path) -> dict[str, object]:
    """What the packer wrote down of the checkpoint's past."""
    file = checkpoint / ORIGIN
    return msgspec.json.decode(file.read_bytes(), type=dict[str, object]) if file.exists() else {}


def notes(checkpoint: Path) -> list[str]:
    """What the packer said of the checkpoint; nothing for archives packed before it did."""
    file = checkpoint / NOTES
    return msgspec.json.decode(file.read_bytes(), type=list[str]) if file.exists() else []
