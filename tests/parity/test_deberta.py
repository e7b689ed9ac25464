"""What DeBERTa has beside the layers and heads of `test_families.py`."""

import pytest
from transformers import pipeline

from scripts.packing import layout
from tests.asking import ask, check
from tests.parity.sentences import TEXTS, close, dense
from tests.parity.test_heads import MASKED


@pytest.mark.parametrize("version", ["Deberta", "DebertaV2"])
def test_words_by_the_head_that_shares_its_matrix_with_words(make, load, version):
    folder = make(version, "ForMaskedLM", legacy=False)
    check(
        ask(load(folder, "native"), {"inputs": MASKED}), [pipeline("fill-mask", str(folder))(text) for text in MASKED]
    )


@pytest.mark.parametrize("runtime", ["native", "packed", "onnx"])
@pytest.mark.parametrize(("version", "options"), [("Deberta", {}), ("DebertaV2", {}), ("DebertaV2", {"legacy": False})])
def test_splade_over_either_head_for_masked_words(make, load, version, options, runtime):
    from sentence_transformers import SparseEncoder

    folder = make(version, "ForMaskedLM", **options)
    texts = [*TEXTS, "long " * 100]
    theirs = SparseEncoder(str(folder), device="cpu").encode(texts, convert_to_sparse_tensor=False).numpy()
    got = ask(load(folder, runtime), {"task": "sparse-embedding", "inputs": texts, "truncation": "right"})
    assert close(dense(got, theirs.shape[1]), theirs)
    assert theirs.any()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"talking_head": True}, "talking_head is true"),
        ({"conv_kernel_size": 3}, "conv_kernel_size is 3, not 0"),
        ({"pos_att_type": "c2p|p2p"}, "pos_att_type c2p|p2p is not c2p, p2c or c2p|p2c"),
        (
            {"relative_attention": True, "position_buckets": 15},
            "position_buckets is 15; expected: an even number below 1022",
        ),
        (
            {"relative_attention": True, "position_buckets": 90, "max_relative_positions": 40},
            "position_buckets is 90; expected: an even number below 78",
        ),
    ],
)
def test_attention_of_another_kind_is_for_transformers(keys, reason):
    sizes = {"hidden_size": 32, "num_attention_heads": 4}
    assert layout.unsupported_reason({"model_type": "deberta-v2", **sizes, **keys}) == reason
