"""What was laid out for an archive, run before it is packed: a model that cannot run never reaches the store."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
from msgspec.structs import replace

from handler import loading, poolings, runtimes
from handler.config import CHECKPOINT, ModelConfig
from handler.errors import ConfigError
from handler.pipeline import Pipeline
from handler.runtimes.base import Placement
from handler.types import Encoding, Row
from scripts import smoke_test
from scripts.console import Failure
from scripts.packing import agreement, heads, weights
from scripts.sources.checkpoint import Checkpoint

SHORT = 4
"""Tokens that every model has to run."""
LONGEST = 2048
"""Tokens of the longest text that is tried; longer ones take minutes, and no model is known to fail only there."""
TOLERANCE = 1e-4
"""By which padding may change states, in their standard deviations: rounding is 1e-6, other models change by 0.3."""


def run(folder: Path, checkpoint: Checkpoint, config: ModelConfig) -> ModelConfig:
    """Load what was laid out, on this machine's CPU, and run texts of no token, of a few, and of the longest.

    Where each worker chooses its runtime, the others that run on this CPU have to give the same states.

    Args:
        folder: where it was laid out.
        checkpoint: what it was made of.
        config: its settings.

    Returns:
        The settings, with `equal_lengths` for a model whose states padding changes, and `min_length` for one that does
        not run its special tokens alone.

    Raises:
        Failure: it does not load or run, with what the model's own code says.
    """
    if not runs_here(config):
        return config
    with quiet(), tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        # A runtime may write files for this CPU beside the weights, which have no place in an archive.
        tried = shutil.copytree(folder, Path(temporary) / folder.name, symlinks=True, copy_function=os.link)
        pipeline = load(tried, checkpoint, config)
        config = replace(config, handler=replace(config.handler, min_length=shortest(pipeline)))
        lengths = sorted({SHORT, min(config.handler.max_length, LONGEST)})
        for length in lengths:
            attempt(pipeline, checkpoint, config, length)
        encodings = [sequence(pipeline, length) for length in lengths]
        agreement.check(pipeline.runtime, config, checkpoint, tried / CHECKPOINT, encodings)
        if pipeline.runtime.padded and padding_matters(pipeline, checkpoint, config):
            config = replace(config, handler=replace(config.handler, equal_lengths=True))
        ask(pipeline, checkpoint)
    return config


def runs_here(config: ModelConfig) -> bool:
    """Whether the CPU computes in the archive's dtype; half precision may be a GPU's alone."""
    dtype = config.handler.dtype
    try:
        runtimes.pick(config.handler.runtime, Placement("cpu", "float32" if dtype == "auto" else dtype))
    except ConfigError:
        return False
    return config.deviceType != "gpu"


def load(folder: Path, checkpoint: Checkpoint, config: ModelConfig) -> Pipeline:
    """The pipeline of a worker."""
    settings: dict[str, Any] = msgspec.to_builtins(replace(config, deviceType="cpu"))
    try:
        return loading.load(folder, "trial", "1.0", settings, None, lambda *_: None)
    except Exception as error:  # of any kind, as transformers' classes fail over weights and configurations
        raise failure(checkpoint, config, "does not load", error) from None


def shortest(pipeline: Pipeline) -> int:
    """Tokens of the shortest sequence that runs; 1 where special tokens alone do, or a single token without any."""
    special = pipeline.tokenizer.add_special_tokens([])
    for length in range(max(1, len(special)), SHORT):
        try:
            pipeline.runtime.run([special if len(special) == length else sequence(pipeline, length)])
        except Exception:  # see `load`
            continue
        return length if length > max(1, len(special)) else 1
    return SHORT


def attempt(pipeline: Pipeline, checkpoint: Checkpoint, config: ModelConfig, length: int) -> None:
    """Run one sequence of that many tokens, the special ones included where it is longer than those."""
    encoding = sequence(pipeline, length)
    try:
        (output,) = pipeline.runtime.run([encoding])
    except Exception as error:  # see `load`
        what = f"does not run a text of {len(encoding)} tokens"
        raise failure(checkpoint, config, what, error) from None
    if not np.isfinite(output.hidden).all():
        raise Failure(
            f"{checkpoint.folder} answers a text of {len(encoding)} tokens with what is no number",
            fix="look for a training that went wrong; another dtype does not help: float32 is used here",
        )
    if poolings.find(config.handler.pooling).pooled and output.pooled is None:
        raise Failure(
            f"handler.pooling is {poolings.listed(config.handler.pooling)}, and the weights of {checkpoint.folder} "
            "have no pooler",
            fix=f"set it to {poolings.listed(checkpoint.pooling)} in the file for --config, or leave it out",
        )


def sequence(pipeline: Pipeline, length: int) -> Encoding:
    """Ids from all over the vocabulary."""
    tokenizer = pipeline.tokenizer
    count = max(1, length - len(tokenizer.add_special_tokens([])))
    return tokenizer.add_special_tokens(np.linspace(0, tokenizer.vocabulary - 1, count + 2, dtype=int)[1:-1].tolist())


def padding_matters(pipeline: Pipeline, checkpoint: Checkpoint, config: ModelConfig) -> bool:
    """Whether a sequence has other states beside a longer one than alone."""
    short, long = sequence(pipeline, 5), sequence(pipeline, 24)
    try:
        (alone,), (beside, _) = states(pipeline, [short]), states(pipeline, [short, long])
    except Exception as error:  # see `load`
        raise failure(checkpoint, config, "does not run a padded batch", error) from None
    return bool(np.abs(alone - beside).max() > TOLERANCE * max(float(alone.std()), 1e-6))


def states(pipeline: Pipeline, encodings: Sequence[Encoding]) -> list[Any]:
    """Last hidden states of each."""
    return [output.hidden.copy() for output in pipeline.runtime.run(encodings)]


def ask(pipeline: Pipeline, checkpoint: Checkpoint) -> None:
    """A request to the archive's own task, as a client sends it."""
    (info,) = pipeline.answer([Row({}, {}, "", "info", trusted=True)])
    body = orjson.dumps(smoke_test.body(orjson.loads(info.body)))
    (reply,) = pipeline.answer([Row({"body": body}, {}, "application/json", trusted=True)])
    if reply.status >= 500:
        why = bytes(reply.body).decode()
        raise Failure(f"{checkpoint.folder} does not answer {pipeline.config.task}", why=why)


def failure(checkpoint: Checkpoint, config: ModelConfig, what: str, error: Exception) -> Failure:
    """What the model's code says, and what there is left to try."""
    misfit = weights.misfit(checkpoint)
    if misfit:
        return Failure(f"{checkpoint.folder} {what} as {checkpoint.architecture}", misfit[1], misfit[0])
    handler = config.handler
    head = heads.planned(checkpoint, handler.runtime, handler.task)
    fixes = {
        "correct config.json, or the weights": True,
        "take a task that needs no head, such as --task embedding": head is not None and head.replaces_states,
        f"set a --max-length below {handler.max_length}": "tokens" in what,
        "try --runtime eager, which is transformers itself": handler.runtime != "eager",
    }
    return Failure(
        f"{checkpoint.folder} {what} as {checkpoint.architecture}",
        why=str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}".strip(),
        fix="; ".join(words for words, possible in fixes.items() if possible),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log lines of a worker: what there is to say is raised."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
