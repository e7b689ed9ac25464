"""GTE: BERT's layers with a gate, turned by positions, under transformers' own names; types may be lacking."""

from __future__ import annotations

from scripts.sources.families import rotary
from scripts.sources.families.bert import EMBEDDINGS
from scripts.sources.families.family import TOKENS, Chain, Family, linear

AROUND = {ours: theirs for ours, theirs in EMBEDDINGS.items() if ours != "position"}
GTE = Family(
    rotary.mapping(gated=True, around=AROUND),
    {
        "sequence": Chain((linear("gte.pooler.dense", "tanh"), linear("classifier"))),
        "tokens": TOKENS,
        "vocabulary": Chain((linear("lm_head.dense", "gelu", "lm_head.layer_norm"), linear("lm_head.decoder"))),
    },
    beyond=rotary.beyond,
    endless=rotary.endless,
)
"""Its encoder has no pooler, and its classifier one of its own."""
