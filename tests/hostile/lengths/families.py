"""One small model of each family, whose limit comes from its own configuration: no tokenizer says one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import heads
from tests.conftest import save_tokenizer

POSITIONS = 40
SIZES: Mapping[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": POSITIONS,
}


@dataclass(frozen=True, slots=True)
class Small:
    """How small a model is made.

    Attributes:
        further: keys of its configuration beside, or instead of, `SIZES`.
        own: whether `SIZES` are not its keys.
        classifier: whether its head for pairs is served.
    """

    further: Mapping[str, Any] = field(default_factory=dict)
    own: bool = False
    classifier: bool = False


FAMILIES: Mapping[str, Small] = {
    "Bert": Small(classifier=True),
    "Roberta": Small({"type_vocab_size": 2}, classifier=True),
    "XLMRoberta": Small(classifier=True),
    "Camembert": Small(classifier=True),
    "DistilBert": Small(
        {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": POSITIONS},
        own=True,
        classifier=True,
    ),
    "MPNet": Small(classifier=True),
    "Electra": Small({"embedding_size": 16}, classifier=True),
    "Albert": Small({"embedding_size": 16}),
    "DebertaV2": Small({"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 16}),
    "Deberta": Small({"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "max_relative_positions": 16}),
    "ModernBert": Small({"max_position_embeddings": 128, "local_attention": 8}),
    "NomicBert": Small(),
    "EuroBert": Small({"num_key_value_heads": 2}),
    "Longformer": Small({"attention_window": [8, 8]}),
    "Luke": Small({"entity_vocab_size": 9, "entity_emb_size": 8}),
    "Data2VecText": Small(),
    "XLMRobertaXL": Small(),
    "RobertaPreLayerNorm": Small(),
    "Esm": Small({"mask_token_id": 4}),
    "ConvBert": Small({"embedding_size": 16, "head_ratio": 2, "conv_kernel_size": 3}),
    "FNet": Small({"tpu_short_seq_length": POSITIONS}),
    "Nystromformer": Small({"conv_kernel_size": 3}),
    "MobileBert": Small({"embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16}),
    "BigBird": Small({"block_size": 4, "num_random_blocks": 2}),
    "Funnel": Small(
        {"block_sizes": [1, 1], "num_decoder_layers": 1, "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 64},
        own=True,
    ),
    "SqueezeBert": Small({"embedding_size": 32}),
    "Ernie": Small(),
    "MegatronBert": Small(),
    "RoFormer": Small({"embedding_size": 16}),
    "RemBert": Small({"input_embedding_size": 16, "output_embedding_size": 16}),
    "IBert": Small(),
    "Splinter": Small(),
    "Xmod": Small({"languages": ["en_XX"], "default_language": "en_XX"}),
}
"""By the beginning of the names of its classes."""


def save(name: str, folder: Path, head: str = "Model", **options: Any) -> Path:
    """A checkpoint folder."""
    import transformers
    from transformers import BertTokenizerFast

    words = save_tokenizer(folder)
    small = FAMILIES[name]
    sizes = {**({} if small.own else SIZES), **small.further, **options}
    config = getattr(transformers, f"{name}Config")(vocab_size=words, pad_token_id=0, **sizes)
    model = getattr(transformers, f"{name}{head}")(config).eval()
    heads.fill(model)
    model.save_pretrained(folder)
    BertTokenizerFast.from_pretrained(folder).save_pretrained(folder)
    return folder
