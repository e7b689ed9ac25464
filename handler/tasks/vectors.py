"""One vector per text, as sentence-transformers computes it: pooled, and through its dense layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handler import poolings
from handler.config import Pooling
from handler.errors import Invalid
from handler.model import LoadedModel
from handler.types import Output, Side

Vectors = NDArray[np.float32]


def pooled(texts: Sequence[Sequence[Output]], pooling: Pooling) -> Vectors:
    """`(texts, hidden)`; the windows of a long text are averaged, weighted by their tokens."""
    rows = poolings.find(pooling).of([window for windows in texts for window in windows])
    if len(rows) == len(texts):
        return rows
    vectors, first = [], 0
    for windows in texts:
        parts = rows[first : first + len(windows)]
        first += len(windows)
        vectors.append(parts[0] if len(parts) == 1 else np.average(parts, axis=0, weights=[*map(len, windows)]))
    return np.asarray(vectors, dtype=np.float32)


def distinct(texts: Sequence[Sequence[Output]]) -> tuple[list[Sequence[Output]], list[int]]:
    """Those that differ, and the place of each text among them; equal texts have the same outputs, not equal ones."""
    numbers: dict[tuple[int, ...], int] = {}
    places = [numbers.setdefault(tuple(map(id, windows)), len(numbers)) for windows in texts]
    return [*dict(zip(places, texts, strict=True)).values()], places


def vectors(
    model: LoadedModel,
    texts: Sequence[Sequence[Output]],
    pooling: Pooling | None = None,
    side: Side | None = None,
) -> Vectors:
    """`(texts, dimensions)`: pooled, as the archive does it by default, and through the dense layers of that side.

    Raises:
        Invalid: the layers take vectors of another width.
    """
    found, layers = pooled(texts, pooling or model.config.pooling), model.layers(side)
    if layers is None:
        return found
    if found.shape[1] != layers.width:
        raise Invalid(
            f'"pooling" gives {found.shape[1]} dimensions, and the layers after it take {layers.width}; '
            f"this model was made for {poolings.listed(model.config.pooling)}"
        )
    return layers(found)


def normalized_embeddings(model: LoadedModel, texts: Sequence[Sequence[Output]], side: Side | None = None) -> Vectors:
    """`(texts, dimensions)` of length 1, whose products are cosines."""
    return l2_normalize(vectors(model, texts, side=side)[:, : model.config.dimensions])


def l2_normalize(vectors: Vectors) -> Vectors:
    """Scaled to length 1, except vectors of length 0."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(lengths, 1e-12)  # the floor of torch.nn.functional.normalize
    return scaled
