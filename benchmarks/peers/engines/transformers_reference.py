"""transformers in float32, with whose vectors all others are compared; it is not timed."""

from __future__ import annotations

from benchmarks.peers.engines.ours import Ours


class Transformers(Ours):
    """The runtime that runs transformers' own modules."""

    precisions = ("float32",)
    runtime = "eager"
