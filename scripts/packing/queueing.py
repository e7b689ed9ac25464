"""How many requests make a batch, and how many may wait: few, since clients that wait for long have often left.

A request waits for the batch before it, and then for its own. Sequences are not padded, so that a batch of eight texts
of a model that has much to compute takes half as long as one of sixteen, and as many texts a second are answered.
"""

from __future__ import annotations

from typing import Any

from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families import FAMILIES

SPEED = 3.5e9
"""Weights of layers times texts of 5 to 40 words per second, on two cores: the default model has 10.6 million such
weights and answers 340 requests a second there. Nothing is measured at `pack`: two archives of one folder are alike."""
BATCH_SECONDS, SMALLEST, LARGEST = 0.05, 8, 16
"""Of a batch on one core, and its requests. What TorchServe does for each batch shows where a model does less."""
QUEUE_SECONDS, FEWEST, MOST = 0.2, 64, 1000
"""Of work that waits; under overload it becomes half a second or more, since what TorchServe refuses takes cores from
what it computes. So many clients that ask at once are no overload, also of one worker, whose batch has room for none of
those who ask again before it takes the next; and TorchServe's memory is for something else."""


def suggested(checkpoint: Checkpoint, batch: Any) -> dict[str, Any]:
    """`batchSize` and `jobQueueSize`, as keys of `model-config.yaml`.

    Args:
        checkpoint: what is packed.
        batch: the operator's `batchSize`, which may be anything; None if there is none. Two batches always fit.
    """
    weights = layer_weights(checkpoint.config)
    size = {"batchSize": within(SMALLEST, BATCH_SECONDS * SPEED / 2 / weights, LARGEST)} if weights else {}
    queue = within(FEWEST, QUEUE_SECONDS * SPEED / weights, MOST) if weights else FEWEST
    return size | {"jobQueueSize": max(queue, 2 * batch if isinstance(batch, int) else 0)}


def within(least: int, value: float, most: int) -> int:
    """The whole number next to it, between the two."""
    return round(min(most, max(least, value)))


def layer_weights(config: dict[str, Any]) -> int:
    """Of all layers' linears; 0 where the configuration does not say."""
    family = FAMILIES.get(config.get("model_type", ""))
    if family is None:
        return 0
    keys = (family.keys.layers, family.keys.hidden, family.keys.intermediate)
    layers, hidden, intermediate = (
        value if isinstance(value := config.get(key), int) and value > 0 else 0 for key in keys
    )
    if not layers * hidden * intermediate or family.encoder is None:
        return layers * (4 * hidden * hidden + 2 * hidden * intermediate)
    gated = bool(family.encoder.described(config).get("gated"))
    return layers * (4 * hidden * hidden + (3 if gated else 2) * hidden * intermediate)
