"""RoBERTa-PreLayerNorm, XLM-RoBERTa-XL and MegatronBERT: BERT's layers that normalise what their halves read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scripts.sources.families.bert import BERT, EMBEDDINGS, ENCODER, LINEARS
from scripts.sources.families.family import WeightMapping
from scripts.sources.families.roberta import ROBERTA

BARE = {ours: theirs for ours, theirs in EMBEDDINGS.items() if ours != "norm"}


def mapping(around: Mapping[str, str], norm1: str, norm2: str) -> WeightMapping:
    """BERT's with its normalisations elsewhere."""
    return replace(
        ENCODER,
        around=around,
        linears=LINEARS | {"norm1": norm1, "norm2": norm2},
        described=lambda config: {"norm_first": True},
    )


ROBERTA_PRELAYERNORM = replace(
    ROBERTA, encoder=mapping(EMBEDDINGS | {"final_norm": "LayerNorm"}, "attention.LayerNorm", "intermediate.LayerNorm")
)
XLM_ROBERTA_XL = replace(
    ROBERTA,
    encoder=mapping(BARE | {"final_norm": "encoder.LayerNorm"}, "attention.self_attn_layer_norm", "LayerNorm"),
)
MEGATRON_BERT = replace(BERT, encoder=mapping(BARE | {"final_norm": "encoder.ln"}, "attention.ln", "ln"))
