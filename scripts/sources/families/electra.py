"""ELECTRA: BERT's layers without a pooler, over embeddings that may be narrower."""

from __future__ import annotations

from dataclasses import replace

from scripts.sources.families.bert import EMBEDDINGS, ENCODER
from scripts.sources.families.family import CHOICE, SPAN, TOKENS, Chain, Family, linear

CHOSEN = Chain(
    (linear("sequence_summary.summary", "config"), linear("classifier")),
    reads="summary_type",
    usual="first",
    activation="summary_activation",
    otherwise={"summary_use_proj": Chain((linear("classifier"),), reads="summary_type", usual="first")},
)
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
    further={CHOICE: CHOSEN},
)
