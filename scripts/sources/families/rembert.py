"""RemBERT: BERT's layers over embeddings that are narrower, as is what its vocabulary's matrix reads."""

from __future__ import annotations

from dataclasses import replace

from scripts.sources.families.bert import BERT, EMBEDDINGS, ENCODER
from scripts.sources.families.family import Chain, linear

REMBERT = replace(
    BERT,
    encoder=replace(ENCODER, around=EMBEDDINGS | {"projection": "encoder.embedding_hidden_mapping_in"}),
    heads={
        **BERT.heads,
        "vocabulary": Chain(
            (
                linear("cls.predictions.dense", "config", "cls.predictions.LayerNorm"),
                linear("cls.predictions.decoder"),
            )
        ),
    },
)
