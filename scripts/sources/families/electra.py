"""ELECTRA: BERT's layers without a pooler, over embeddings that may be narrower."""

from __future__ import annotations

from dataclasses import replace

from scripts.sources.families.bert import EMBEDDINGS, ENCODER
from scripts.sources.families.family import SPAN, TOKENS, Chain, Family, linear

ELECTRA = Family(
    replace(ENCODER, around=EMBEDDINGS | {"projection": "embeddings_project"}),
    {
        "sequence": Chain((linear("classifier.dense", "gelu"), linear("classifier.out_proj"))),
        "tokens": TOKENS,
        "span": SPAN,
        "vocabulary": Chain(
            (
                linear("generator_predictions.dense", "gelu", "generator_predictions.LayerNorm"),
                linear("generator_lm_head"),
            )
        ),
    },
)
