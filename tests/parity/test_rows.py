"""Sizes whose rows would begin 4,096 bytes apart, which the kernels write a line of the cache further apart."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

from handler import kernels
from handler.runtimes.base import Placement
from handler.runtimes.native import Native
from handler.runtimes.packed import Packed
from scripts.packing import engines
from scripts.sources import checkpoint as checkpoints
from tests.conftest import encoding
from tests.parity.test_kernels import LEVELS

LENGTHS = [1, 7, 12, 13, 40]
BOUNDS = {"float32": 1e-5, "bfloat16": 4e-3, "int8": 4e-3}
"""On one minus the cosine. Weights are random, so rounding shows more than in a model that was trained."""

pytestmark = pytest.mark.skipif(not LEVELS, reason="this CPU has no kernels")


OTHERS = {
    "bert": {},
    "modernbert": {f"{name}_token_id": 0 for name in ("pad", "bos", "eos", "cls", "sep")},
    "electra": {"embedding_size": 1024},
}
"""Model type -> what its configuration needs beside the sizes. ModernBERT is gated and has norms before its linears; a
linear leads from ELECTRA's embeddings to its layers."""
CASES = [
    *(("bert", *sizes, dtype) for sizes in ((1024, 1024), (1024, 36)) for dtype in ("float32", "bfloat16")),
    *((kind, 64, 4096, dtype) for kind in ("bert", "modernbert") for dtype in BOUNDS),
    ("modernbert", 1024, 64, "float32"),
    ("electra", 512, 64, "float32"),
]
"""Model type, and sizes of states and between the linears, of which one is a multiple of 4,096 bytes in that dtype."""


def runtimes(kind, hidden, inner, tiny, folder, dtype):
    """`native` in a dtype and `packed` in float32 over the same weights."""
    torch.manual_seed(3)
    model = folder / "model"
    config = AutoConfig.for_model(
        kind,
        vocab_size=json.loads((tiny / "config.json").read_text())["vocab_size"],
        hidden_size=hidden,
        num_hidden_layers=1,
        num_attention_heads=hidden // 32,
        intermediate_size=inner,
        max_position_embeddings=1100,
        **OTHERS[kind],
    )
    AutoModel.from_config(config).save_pretrained(model)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (model / file).write_bytes((tiny / file).read_bytes())
    for runtime, kept in ((Native, dtype), (Packed, "float32")):
        place = folder / runtime.name
        place.mkdir()
        engines.write(checkpoints.read(model), place, runtime.name, kept)
        yield runtime(place, Placement("cpu", kept))


def apart(ours, theirs):
    """The most that one minus the cosine of two states comes to."""
    left, right = (np.concatenate([each.hidden for each in outputs]).astype(float) for outputs in (ours, theirs))
    return float((1 - (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)).max())


@pytest.mark.parametrize(("kind", "hidden", "inner", "dtype"), CASES)
def test_states_are_those_of_torch_whatever_a_row_has(kind, hidden, inner, dtype, tiny, tmp_path):
    if not Native.is_supported(dtype):
        pytest.skip("this CPU does not multiply in bfloat16")
    generator = np.random.default_rng(0)
    texts = [encoding(*map(int, generator.integers(3, 30, length))) for length in LENGTHS]
    ours, theirs = runtimes(kind, hidden, inner, tiny, tmp_path, dtype)
    got = ours.run(texts)
    assert apart(got, theirs.run(texts)) < BOUNDS[dtype]
    assert all(each.hidden.flags.c_contiguous and each.hidden.shape[1] == hidden for each in got)
    alone = [ours.run([text])[0].hidden for text in texts]
    assert all(np.array_equal(left.hidden, right) for left, right in zip(got, alone, strict=True))


@pytest.mark.parametrize("level", LEVELS)
def test_scores_of_1024_keys_are_apart_as_well(level, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "ISA_LEVELS", {level: kernels.ISA_LEVELS[level]})
    text = encoding(*map(int, np.random.default_rng(0).integers(3, 30, 1024)))
    ours, theirs = runtimes("bert", 64, 64, tiny, tmp_path, "float32")
    assert apart(ours.run([text]), theirs.run([text])) < BOUNDS["float32"]
