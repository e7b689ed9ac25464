"""NomicBERT: BERT's layers without biases, with a gate, turned by positions."""

from __future__ import annotations

from scripts.sources.families import rotary
from scripts.sources.families.family import TOKENS, Chain, Config, ConfigKeys, Family, linear
from scripts.sources.families.gte import AROUND

PLAIN = {
    "num_experts": (None, 0),
    "activation_function": (None, "swiglu"),
    "prenorm": (None, False),
    "qkv_proj_bias": (None, False),
    "rotary_emb_fraction": (None, 1.0),
    "rotary_emb_interleaved": (None, False),
    "rotary_emb_scale_base": (None,),
}
"""Keys of its authors' code, and what transformers' class does whatever they say. Version 2 is a mixture of experts."""


def beyond(config: Config) -> str:
    """What other layers the configuration describes."""
    other = next((key for key, usual in PLAIN.items() if config.get(key) not in usual), "")
    return f"{other} is {config[other]}, which is not in transformers' NomicBERT" if other else rotary.beyond(config)


TRANSFORM = linear("cls.predictions.transform.dense", "config", "cls.predictions.transform.layer_norm")
NOMIC_BERT = Family(
    rotary.mapping(gated=True, around=AROUND),
    {
        "sequence": Chain((linear("nomic_bert.pooler.dense", "tanh"), linear("classifier"))),
        "tokens": TOKENS,
        "vocabulary": Chain((TRANSFORM, linear("cls.predictions.decoder"))),
    },
    ConfigKeys(usual_activation="silu"),
    beyond=beyond,
    endless=rotary.endless,
)
"""Its encoder has no pooler, and its classifier one of its own."""
