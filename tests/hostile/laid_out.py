"""A checkpoint folder as `pack` lays it out and a worker loads it, without the archive between the two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from handler import loading
from handler.pipeline import Pipeline
from scripts.packing import model_config, trial
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints


def load(folder: Path, target: Path, **handler: Any) -> Pipeline:
    """The pipeline of a worker.

    Args:
        folder: of a checkpoint.
        target: a new one, for what is laid out.
        handler: settings of the archive.

    Raises:
        Failure: `pack` would refuse it.
    """
    checkpoint = checkpoints.read(folder)
    config = packer.configure(checkpoint, {"handler": {"threads": 1, **handler}})
    packer.stage(checkpoint, target, config.handler.runtime, packer.stored(config.handler.dtype), config.handler.task)
    config = trial.run(target, checkpoint, packer.staged(config, checkpoint, target))
    settings = yaml.safe_load(model_config.render(config))
    return loading.load(target, "bert", "1.0", settings, None, lambda *_: None)
