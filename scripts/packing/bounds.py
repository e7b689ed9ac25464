"""Settings that are each allowed and that the model, the server or another setting makes impossible."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec

from handler.config import ModelConfig
from handler.poolings import listed
from scripts.console import Failure
from scripts.packing import suggested
from scripts.paths import CONFIG
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.configuration import pooled_size

LARGEST = 2**31 - 1
"""TorchServe reads whole numbers of `model-config.yaml` as Java's `int` and leaves out others with a line in its log.

Source: `ModelConfig.build` of pytorch/serve.
"""
LEAVE = "or leave it out"


def check(config: ModelConfig, checkpoint: Checkpoint) -> None:
    """Refuse them.

    Raises:
        Failure: with both numbers.
    """
    check_model(config, checkpoint)
    check_server(config)


def check_model(config: ModelConfig, checkpoint: Checkpoint) -> None:
    """What is more than the model has."""
    handler, most = config.handler, checkpoint.positions
    if most is not None and handler.max_length > most:
        raise Failure(
            f"handler.max_length {handler.max_length} is more than the model's {most} positions",
            fix=f"{most} at most; the checkpoint itself suggests {checkpoint.max_length}",
        )
    if checkpoint.dense or (checkpoint.queries and checkpoint.queries.dense):
        takes = pooled_size(checkpoint.config, checkpoint.pooling)
        if pooled_size(checkpoint.config, handler.pooling) != takes:
            raise Failure(
                f"handler.pooling {listed(handler.pooling)} gives another width than the {takes} dimensions that "
                "the layers after it take",
                fix=f"leave it out, for {listed(checkpoint.pooling)}",
            )
    if handler.dimensions is None:
        return
    width = suggested.width(replace(checkpoint, pooling=handler.pooling))
    if handler.dimensions > width:
        raise Failure(
            f"handler.dimensions {handler.dimensions} is more than the {width} dimensions of the model's embeddings",
            fix=f"{width} at most, {LEAVE}",
        )


def check_server(config: ModelConfig) -> None:
    """What is more than TorchServe takes, as this project configures it."""
    for key, number in msgspec.structs.asdict(config).items():
        if isinstance(number, int) and number > LARGEST:
            raise Failure(f"{key} {number} is more than TorchServe reads", fix=f"{LARGEST} at most, {LEAVE}")
    if config.batchSize > config.jobQueueSize:
        raise Failure(
            f"batchSize {config.batchSize} is more than jobQueueSize {config.jobQueueSize}: no more requests wait",
            fix=f"set batchSize to {config.jobQueueSize} at most, or jobQueueSize to {config.batchSize} or more",
        )
    size, most = config.handler.max_response_bytes, max_response_size()
    if most is not None and size >= most:
        raise Failure(
            f"handler.max_response_bytes {size} is not below max_response_size {most} of config/config.properties, "
            "and an answer over that ends the worker",
            fix=f"{most - 1} at most, {LEAVE}; or raise max_response_size there first, to {LARGEST} at most",
        )


def max_response_size() -> int | None:
    """Of this project's `config.properties`; None where it says nothing."""
    found = re.findall(r"^max_response_size=(\d+)\s*$", (CONFIG / "config.properties").read_text("utf-8"), re.M)
    return int(found[-1]) if found else None
