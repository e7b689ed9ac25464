"""What DeBERTa has beside the layers and heads of `test_families.py`."""

import pytest
from transformers import pipeline

from scripts.packing import layout
from tests.asking import ask, check
from tests.parity.test_heads import MASKED


@pytest.mark.parametrize("version", ["Deberta", "DebertaV2"])
def test_words_by_the_head_that_shares_its_matrix_with_words(make, load, version):
    folder = make(version, "ForMaskedLM", legacy=False)
    check(
        ask(load(folder, "native"), {"inputs": MASKED}), [pipeline("fill-mask", str(folder))(text) for text in MASKED]
    )


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
