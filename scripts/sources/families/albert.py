"""ALBERT: BERT's layers over narrower embeddings, with the same weights in all layers of a group."""

from __future__ import annotations

from scripts.sources.families.bert import BERT, EMBEDDINGS
from scripts.sources.families.family import CHOICE, POOLED, Chain, Config, ConfigKeys, Family, WeightMapping, linear


def shared(config: Config, keys: ConfigKeys) -> list[str]:
    """Groups follow each other, each as often as it takes; all layers within one are computed each time."""
    count, groups = config[keys.layers], config["num_hidden_groups"]
    return [
        f"encoder.albert_layer_groups.{int(number / (count / groups))}.albert_layers.{inner}"
        for number in range(count)
        for inner in range(config["inner_group_num"])
    ]


ALBERT = Family(
    WeightMapping(
        around=EMBEDDINGS | {"projection": "encoder.embedding_hidden_mapping_in"},
        layers=shared,
        linears={
            "out": "attention.dense",
            "norm1": "attention.LayerNorm",
            "up": "ffn",
            "down": "ffn_output",
            "norm2": "full_layer_layer_norm",
        },
        qkv=("attention.query", "attention.key", "attention.value"),
        pooler="pooler",
    ),
    {
        **BERT.heads,
        "vocabulary": Chain(
            (linear("predictions.dense", "config", "predictions.LayerNorm"), linear("predictions.decoder"))
        ),
    },
    ConfigKeys(usual_activation="gelu_new"),
    further={CHOICE: POOLED},
)
