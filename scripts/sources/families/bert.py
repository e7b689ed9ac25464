"""BERT, which most families have their layers and their names from."""

from __future__ import annotations

from scripts.sources.families.family import (
    CHOICE,
    NEXT,
    POOLED,
    SPAN,
    TOKENS,
    Chain,
    Family,
    WeightMapping,
    linear,
    numbered,
)

EMBEDDINGS = {
    "word": "embeddings.word_embeddings",
    "position": "embeddings.position_embeddings",
    "type": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
}
LINEARS = {
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}
QKV = ("attention.self.query", "attention.self.key", "attention.self.value")
ENCODER = WeightMapping(EMBEDDINGS, numbered("encoder.layer.{}"), LINEARS, QKV)
BERT = Family(
    ENCODER,
    {
        "sequence": POOLED,
        "tokens": TOKENS,
        "span": SPAN,
        "vocabulary": Chain(
            (
                linear("cls.predictions.transform.dense", "config", "cls.predictions.transform.LayerNorm"),
                linear("cls.predictions.decoder"),
            )
        ),
    },
    further={CHOICE: POOLED, NEXT: Chain((linear("cls.seq_relationship"),), reads="pooler")},
)
