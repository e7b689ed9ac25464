"""Token states to one vector per text, as sentence-transformers computes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from handler.call import Output
from handler.errors import Invalid
from handler.tasks.base import Archive

Vector = NDArray[np.float32]


def pooler(output: Output) -> Vector:
    """The checkpoint's own pooler."""
    if output.pooled is None:
        raise Invalid('this checkpoint has no pooler; set "pooling" to mean, cls or max')
    return output.pooled


def weighted(output: Output) -> Vector:
    """The n-th token counts n times."""
    places = np.arange(1, len(output.hidden) + 1, dtype=np.float32)
    vector: Vector = places @ output.hidden / places.sum()
    return vector


POOLINGS: dict[str, Callable[[Output], Vector]] = {
    "mean": lambda output: np.add.reduce(output.hidden) / np.float32(len(output.hidden)),  # as `mean`, in half its time
    "cls": lambda output: output.hidden[0],
    "max": lambda output: output.hidden.max(axis=0),
    "pooler": pooler,
    "mean_sqrt_len_tokens": lambda output: output.hidden.sum(axis=0) / np.sqrt(len(output.hidden)),
    "weightedmean": weighted,
    "lasttoken": lambda output: output.hidden[-1],
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


def vectors(archive: Archive, texts: Sequence[Sequence[Output]], pooling: str | None = None) -> Vector:
    """`(texts, dimensions)`: pooled, as the archive does it by default, and through its dense layers."""
    found = pooled(texts, pooling or archive.config.pooling)
    return found if archive.dense is None else archive.dense(found)


def compared(archive: Archive, texts: Sequence[Sequence[Output]]) -> Vector:
    """`(texts, dimensions)` of length 1, whose products are cosines."""
    return unit(vectors(archive, texts)[:, : archive.config.dimensions])


def unit(vectors: Vector) -> Vector:
    """Scaled to length 1, except vectors of length 0."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Vector = vectors / np.maximum(lengths, 1e-12)  # the floor of torch.nn.functional.normalize
    return scaled
