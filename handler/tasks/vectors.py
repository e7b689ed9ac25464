"""Token states to one vector per text, as sentence-transformers computes it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handler.call import Output
from handler.errors import Invalid

Vector = NDArray[np.float32]


def pooler(output: Output) -> Vector:
    """The checkpoint's own pooler."""
    if output.pooled is None:
        raise Invalid('this checkpoint has no pooler; set "pooling" to mean, cls or max')
    return output.pooled


POOLINGS = {
    "mean": lambda output: output.hidden.mean(axis=0),
    "cls": lambda output: output.hidden[0],
    "max": lambda output: output.hidden.max(axis=0),
    "pooler": pooler,
}


def pooled(texts: Sequence[Sequence[Output]], pooling: str) -> Vector:
    """`(texts, hidden)`; the windows of a long text are averaged, weighted by their tokens."""
    pool = POOLINGS[pooling]
    vectors = []
    for windows in texts:
        parts = [pool(window) for window in windows]
        weights = [len(window.hidden) for window in windows]
        vectors.append(parts[0] if len(parts) == 1 else np.average(parts, axis=0, weights=weights))
    return np.asarray(vectors, dtype=np.float32)


def unit(vectors: Vector) -> Vector:
    """Scaled to length 1, except vectors of length 0."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Vector = vectors / np.maximum(lengths, 1e-12)  # the floor of torch.nn.functional.normalize
    return scaled
