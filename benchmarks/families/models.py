"""What is measured: one shape in every family's layers, and texts of mixed lengths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu import models
from benchmarks.gpu.sizes import Model
from handler.runtimes.base import Placement, Runtime
from handler.types import Encoding
from scripts.packing import engines
from scripts.sources import checkpoint as checkpoints

DEBERTA: Mapping[str, Any] = {
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "Bert": {},
    "MPNet": {},
    "ModernBert": {},
    "DebertaV2": {
        **DEBERTA,
        "position_buckets": 256,
        "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
        "max_relative_positions": -1,
    },
    "Deberta": DEBERTA,
    "Gte": {},
    "NomicBert": {},
    "JinaEmbeddingsV3": {},
    "Ernie": {},
    "Electra": {},
    "Albert": {},
    "EuroBert": {},
    "RoFormer": {},
    "RemBert": {},
    "Data2VecText": {},
    "RobertaPreLayerNorm": {},
    "XLMRobertaXL": {},
    "MegatronBert": {},
}
"""Keys of each family's configuration beside its shape: DeBERTa's are those of microsoft/deberta-v3-small and
deberta-base, without which it has no relative positions."""
LONG = ("ModernBert", "Gte", "NomicBert", "JinaEmbeddingsV3", "EuroBert")
"""Families for texts of 8,192 tokens."""
SHAPE = Model(layers=6, hidden=384, heads=12, intermediate_size=1536, vocabulary=8000, positions=512)
SEQUENCES = 32
SPECIAL = 10
"""Token ids that may be special in some family are below."""


def sequence(length: int, seed: int = 0) -> Encoding:
    """Of random tokens."""
    ids = np.random.default_rng(seed).integers(SPECIAL, SHAPE.vocabulary - SPECIAL, length).tolist()
    return Encoding(ids, [0] * length, [0] * length, [(0, 0)] * length)


def mixed() -> list[Encoding]:
    """Lengths as of texts: most are short, some are long."""
    lengths = np.random.default_rng(0).lognormal(3.2, 0.9, SEQUENCES).clip(3, SHAPE.positions - 2)
    return [sequence(int(length), seed) for seed, length in enumerate(lengths)]


def packed(family: str, folder: Path) -> tuple[Path, Path]:
    """One model as transformers loads it, and as we do."""
    saved, here = models.save(folder / "saved", SHAPE, family, **FAMILIES.get(family, {})), folder / "packed"
    here.mkdir()
    engines.write(checkpoints.read(saved), here, "native", "float32")
    return saved, here


def load(kind: type[Runtime], folder: Path) -> Runtime:
    """With one thread."""
    runtime = kind(folder, Placement("cpu", "float32"))
    runtime.use_threads(1)
    return runtime
