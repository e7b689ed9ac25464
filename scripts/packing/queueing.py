"""How many requests may wait: a fifth of a second of work, since clients that wait for long have often left.

Under overload it becomes half a second or more: what TorchServe refuses takes cores from what it computes.
"""

from __future__ import annotations

from typing import Any

from scripts.sources.checkpoint import Checkpoint
from scripts.sources.families import FAMILIES

SECONDS = 0.2
SPEED = 3.5e9
"""Weights of layers times texts of 5 to 40 words per second, on two cores: the default model has 10.6 million such
weights and answers 340 requests a second there. Nothing is measured at `pack`: two archives of one folder are alike."""
FEWEST, MOST = 64, 1000
"""So many clients that ask at once are no overload; and TorchServe's memory is for something else."""


def suggested(checkpoint: Checkpoint, batch: Any) -> dict[str, Any]:
    """`jobQueueSize`, as a key of `model-config.yaml`.

    Args:
        checkpoint: what is packed.
        batch: the operator's `batchSize`, which may be anything; None if there is none. Two batches always fit.
    """
    weights = layer_weights(checkpoint.config)
    two = 2 * batch if isinstance(batch, int) else 0
    return {"jobQueueSize": max(two, round(min(MOST, max(FEWEST, SECONDS * SPEED / weights))) if weights else FEWEST)}


def layer_weights(config: dict[str, Any]) -> int:
    """Of all layers' linears; 0 where the configuration does not say."""
    family = FAMILIES.get(config.get("model_type", ""))
    if family is None:
        return 0
    keys = (family.keys.layers, family.keys.hidden, family.keys.intermediate)
    layers, hidden, intermediate = (
        value if isinstance(value := config.get(key), int) and value > 0 else 0 for key in keys
    )
    return layers * (4 * hidden * hidden + 2 * hidden * intermediate)
