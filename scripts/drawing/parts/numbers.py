"""One vector: its length, and its first components as a line of small bars."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from scripts.drawing.parts.vectors import Vectors

BLOCKS = "▁▂▃▄▅▆▇█"
NAMED = 6


class Numbers:
    """A vector, `(dimensions,)`."""

    def __init__(self, vector: Vectors) -> None:
        self.vector = vector

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """A bar for each of as many components as fit on a line."""
        named = ", ".join(f"{value:.4f}" for value in self.vector[:NAMED])
        more = ", ..." if len(self.vector) > NAMED else ""
        yield Text(f"{len(self.vector)} numbers, length {np.linalg.norm(self.vector):.3f}: {named}{more}")
        shown = self.vector[: options.max_width]
        shares = (shown - shown.min()) / (float(np.ptp(shown)) or 1.0)
        yield Text("".join(BLOCKS[int(share * (len(BLOCKS) - 1) + 0.5)] for share in shares), "blue")
