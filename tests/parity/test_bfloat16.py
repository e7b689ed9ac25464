"""bfloat16 on a CPU: near float32. Without instructions for it torch computes the same, slowly."""

import numpy as np
import pytest
import torch

from handler.config import CHECKPOINT
from handler.runtimes.base import Placement
from handler.runtimes.native import Native
from handler.runtimes.packed import Packed
from handler.text import convert
from scripts.load import workload
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests.parity.test_int8 import ranks

TEXTS = 64


needs_onednn = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="oneDNN has no bfloat16 on this CPU, and `runtimes.pick` refuses it",
)


@pytest.fixture(scope="module", params=[Native, pytest.param(Packed, marks=needs_onednn)])
def runtimes(request, minilm, tmp_path_factory):
    """`native` computes so with the kernels of any CPU."""
    archive = tmp_path_factory.mktemp("archive")
    packer.stage(checkpoints.read(minilm), archive, request.param.name, "bfloat16")
    return {dtype: request.param(archive / CHECKPOINT, Placement("cpu", dtype)) for dtype in ("float32", "bfloat16")}


def test_cosines_keep_their_order(minilm, runtimes):
    """Spearman's rank correlation of all pairwise cosines."""
    tokenizer = workload.read_tokenizer((minilm / "tokenizer.json").read_text())
    texts = [convert(each) for each in tokenizer.encode_batch(workload.make("mixed", TEXTS, 1, tokenizer).texts)]
    texts.sort(key=len)

    def vectors(dtype):
        means = np.stack([output.hidden.mean(0) for output in runtimes[dtype].run(texts)])
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    exact, half = vectors("float32"), vectors("bfloat16")
    assert 1e-5 < np.abs(exact - half).max() < 0.01
    upper = np.triu_indices(TEXTS, 1)
    orders = (ranks((each @ each.T)[upper]) for each in (exact, half))
    correlation = np.corrcoef(*orders)[0, 1]
    print(f"Spearman {correlation:.5f}, least cosine of a text {(exact * half).sum(1).min():.6f}")
    assert (exact * half).sum(1).min() > 0.9999
    assert correlation >= 0.999


def test_words_are_the_checkpoints_own(runtimes):
    assert torch.equal(runtimes["bfloat16"].word_embeddings(), runtimes["float32"].word_embeddings())
