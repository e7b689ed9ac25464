"""How much is measured: in full on a GPU, tiny in a rehearsal on a CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.load.workload import ModelShape


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of an encoder with random weights."""

    layers: int
    hidden: int
    heads: int
    intermediate_size: int
    vocabulary: int = 30522
    positions: int = 512

    @property
    def shape(self) -> ModelShape:
        """What decides its arithmetic."""
        return ModelShape(self.layers, self.hidden, self.intermediate_size)


@dataclass(frozen=True, slots=True)
class Served:
    """What a served model is asked.

    Attributes:
        model: its shape.
        texts_each: texts per request, one row each.
        tokens: of each text; None for lengths spread as in `mixed`.
        in_flight: requests at all times.
        clients: of the mixed load, of whose requests one in five is bad.
        seconds: of each measurement.
        workers: of the device, one row each.
        processes: that send the load.
    """

    model: Model
    texts_each: tuple[int, ...]
    tokens: tuple[int | None, ...]
    in_flight: int
    clients: int
    seconds: float
    workers: tuple[int, ...]
    processes: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """All parts.

    Attributes:
        square: side of the matrices of the peak.
        copied: bytes of a copy between host and device.
        small: the model whose answers are compared with transformers', with every head.
        shapes: whose rates are measured.
        lengths: tokens per text by the workload's name; None for `mixed`.
        tokens: of one timed pass over a workload.
        budgets: tokens per forward pass that are tried.
        rounds: of which medians are taken.
        served: see there.
        profiled: name of the shape of the profile.
    """

    square: int
    copied: int
    small: Model
    shapes: Mapping[str, Model]
    lengths: Mapping[str, int | None]
    tokens: int
    budgets: tuple[int, ...]
    rounds: int
    served: Served
    profiled: str


MINILM, BASE, LARGE = Model(6, 384, 12, 1536), Model(12, 768, 12, 3072), Model(24, 1024, 16, 4096)

FULL = Sizes(
    square=8192,
    copied=1 << 28,
    small=Model(4, 256, 4, 1024, 2000, 512),
    shapes={"MiniLM": MINILM, "bert-base": BASE, "bert-large": LARGE},
    lengths={"16": 16, "128": 128, "512": 512, "mixed": None},
    tokens=1 << 17,
    budgets=(1 << 12, 1 << 14, 1 << 16),
    rounds=3,
    served=Served(MINILM, (1, 8, 64), (None, 128), 64, 64, 4.0, (1, 2, 3, 4), 4),
    profiled="bert-base",
)
TINY = Sizes(
    square=256,
    copied=1 << 20,
    small=Model(2, 64, 4, 128, 400, 66),
    shapes={"MiniLM": Model(1, 64, 4, 128, 400, 64)},
    lengths={"16": 16, "mixed": None},
    tokens=512,
    budgets=(128, 256),
    rounds=1,
    served=Served(Model(1, 64, 4, 128, 400, 64), (1, 8), (None,), 4, 8, 0.5, (1, 2), 1),
    profiled="MiniLM",
)
SIZES = {"full": FULL, "tiny": TINY}
