"""RoBERTa, and what others made of it in more languages: BERT's layers under another head."""

from __future__ import annotations

from scripts.sources.families.bert import ENCODER
from scripts.sources.families.family import CHOICE, POOLED, SPAN, TOKENS, Chain, Family, linear

ROBERTA = Family(
    ENCODER,
    {
        "sequence": Chain((linear("classifier.dense", "tanh"), linear("classifier.out_proj"))),
        "tokens": TOKENS,
        "span": SPAN,
        "vocabulary": Chain((linear("lm_head.dense", "gelu", "lm_head.layer_norm"), linear("lm_head.decoder"))),
    },
    first_position="pad_token_id",
    further={CHOICE: POOLED},
)
