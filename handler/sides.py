"""Embeddings for which queries and documents have dense layers of their own, behind one encoder.

Source: `Router` of sentence-transformers 6.2.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open

from handler.head import QUERY_DENSE, Head
from handler.types import Side

DEFAULT = "default"
"""Key of the file's metadata: the side of a text of which nothing is said."""


class Sides:
    """The layers of either side.

    Attributes:
        default: the side of a text of which nothing is said.
    """

    def __init__(self, folder: Path, device: str, document: Head | None) -> None:
        with safe_open(folder / QUERY_DENSE, framework="np") as file:
            self.default: Side = file.metadata()[DEFAULT]
        query = Head(folder, device, QUERY_DENSE)
        self.layers: dict[Side, Head | None] = {
            "query": query if query.description.steps else None,
            "document": document,
        }

    def dense(self, side: Side | None) -> Head | None:
        """The layers that a text goes through; None for none."""
        return self.layers[side or self.default]
