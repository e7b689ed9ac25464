"""DistilBERT: BERT without types and pooler, under names of its own."""

from __future__ import annotations

from scripts.sources.families.family import (
    CHOICE,
    SPAN,
    TOKENS,
    Chain,
    ConfigKeys,
    Family,
    WeightMapping,
    linear,
    numbered,
)

SCORED = Chain((linear("pre_classifier", "relu"), linear("classifier")))
DISTILBERT = Family(
    WeightMapping(
        around={
            "word": "embeddings.word_embeddings",
            "position": "embeddings.position_embeddings",
            "norm": "embeddings.LayerNorm",
        },
        layers=numbered("transformer.layer.{}"),
        linears={
            "out": "attention.out_lin",
            "norm1": "sa_layer_norm",
            "up": "ffn.lin1",
            "down": "ffn.lin2",
            "norm2": "output_layer_norm",
        },
        qkv=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    ),
    {
        "sequence": SCORED,
        "tokens": TOKENS,
        "span": SPAN,
        "vocabulary": Chain((linear("vocab_transform", "config", "vocab_layer_norm"), linear("vocab_projector"))),
    },
    ConfigKeys("n_layers", "n_heads", "dim", "hidden_dim", "activation", eps=""),
    further={CHOICE: SCORED},
)
