"""NomicBERT: BERT's layers without biases, with a gate, turned by positions."""

from __future__ import annotations

from scripts.sources.families import rotary
from scripts.sources.families.family import TOKENS, Chain, ConfigKeys, Family, linear
from scripts.sources.families.gte import AROUND

TRANSFORM = linear("cls.predictions.transform.dense", "config", "cls.predictions.transform.layer_norm")
NOMIC_BERT = Family(
    rotary.mapping(gated=True, around=AROUND),
    {
        "sequence": Chain((linear("nomic_bert.pooler.dense", "tanh"), linear("classifier"))),
        "tokens": TOKENS,
        "vocabulary": Chain((TRANSFORM, linear("cls.predictions.decoder"))),
    },
    ConfigKeys(usual_activation="silu"),
    beyond=rotary.beyond,
    endless=rotary.endless,
)
"""Its encoder has no pooler, and its classifier one of its own."""
