"""Layers over the state of each token, whose outcome is kept instead of the states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from handler.device import DeviceStates, Reading
from handler.head import Head
from handler.types import Output, Reduced

Vectors = NDArray[np.float32]


class TokenVectors(Reading):
    """`(tokens, dimensions)`, of length 1 where vectors are normalised."""

    tokens = True

    def __init__(self, head: Head, normalized: bool) -> None:
        self.head, self.normalized = head, normalized

    def rows(self, states: Tensor) -> Tensor:
        """Of `(tokens, hidden)`."""
        rows = self.head.chain(states)
        return normalize(rows, dim=-1) if self.normalized else rows

    def on_device(self, states: DeviceStates) -> Tensor:
        """See `Reading`."""
        return self.rows(states.hidden.float())

    def on_host(self, outputs: Sequence[Output]) -> Vectors:
        """See `Reading`."""
        return np.concatenate([self.of_one(output) for output in outputs])

    @torch.inference_mode()
    def of_one(self, output: Output) -> Vectors:
        """Of a sequence, which may have been computed already."""
        if isinstance(output, Reduced):
            return output.hidden
        states = torch.from_numpy(np.ascontiguousarray(output.hidden)).to(self.head.device)
        vectors: Vectors = self.rows(states).cpu().numpy()
        return vectors

    def kept(self, output: Output) -> Output:
        """See `Reading`; a copy, since rows of the states would keep all of them."""
        return Reduced(np.array(self.of_one(output)), None, len(output), self)
