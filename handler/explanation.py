"""Which tokens a score rests on, and what finds that out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from handler.types import Encoding


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a score rests on.

    Attributes:
        attributions: `(tokens,)` float32.
        score: of the sequence.
        baseline: of the same with padding in the place of its text.
        attention: `(layers, heads, tokens, tokens)` float32; None unless asked for.
    """

    attributions: NDArray[np.float32]
    score: float
    baseline: float
    attention: NDArray[np.float32] | None

    @property
    def convergence_delta(self) -> float:
        """What the attributions leave unexplained; smaller with more steps."""
        return self.score - self.baseline - float(self.attributions.sum())


class AnyExplainer(Protocol):
    """See `handler.runtimes.explaining.Explainer`."""

    maps: int
    """Layers times heads of attention."""

    def explain(
        self, encoding: Encoding, score: Any, padding: int, steps: int, attention: bool, check: Callable[[], None]
    ) -> Explanation:
        """What a score rests on."""
