"""Families of encoders: what each calls its settings, its tensors and its heads. One table, read by everything else.

Names of tensors are those of transformers' modules; `{}` is the number of the layer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handler.head import HeadType, Step
from scripts.console import Failure
from scripts.files.json_files import required, value


@dataclass(frozen=True, slots=True)
class ConfigKeys:
    """Keys of `config.json`, empty for what is not configured; the defaults are BERT's."""

    layers: str = "num_hidden_layers"
    heads: str = "num_attention_heads"
    hidden: str = "hidden_size"
    intermediate: str = "intermediate_size"
    activation: str = "hidden_act"
    eps: str = "layer_norm_eps"


@dataclass(frozen=True, slots=True)
class WeightMapping:
    """Where an encoder keeps its weights, by the names that `packed.safetensors` has for them.

    Attributes:
        embeddings: of tables and their normalisation.
        linears: of linears and normalisations of a layer.
        qkv: the three projections.
    """

    embeddings: Mapping[str, str]
    linears: Mapping[str, str]
    qkv: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Chain:
    """The linears of a head.

    Attributes:
        steps: weights and norms named as transformers names the module; `config` as an activation is the model's own.
        pooled: see `handler.head.Description.pooled`.
    """

    steps: tuple[Step, ...]
    pooled: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """What has to be known of a `model_type`.

    Attributes:
        encoder: None where only the transformers model itself can run it.
        heads: those that are served.
        keys: of its `config.json`.
        offset_positions: whether positions count from the padding id + 1, so that the last ones are never reached.
    """

    encoder: WeightMapping | None
    heads: Mapping[HeadType, Chain]
    keys: ConfigKeys = field(default_factory=ConfigKeys)
    offset_positions: bool = False


def linear(module: str, activation: str = "none", norm: str = "") -> Step:
    """A linear whose tensors are named after its module."""
    return Step(f"{module}.weight", f"{module}.bias", activation, norm)


BERT_ENCODER = WeightMapping(
    embeddings={
        "word": "embeddings.word_embeddings",
        "position": "embeddings.position_embeddings",
        "type": "embeddings.token_type_embeddings",
        "norm": "embeddings.LayerNorm",
    },
    linears={
        "out": "encoder.layer.{}.attention.output.dense",
        "norm1": "encoder.layer.{}.attention.output.LayerNorm",
        "up": "encoder.layer.{}.intermediate.dense",
        "down": "encoder.layer.{}.output.dense",
        "norm2": "encoder.layer.{}.output.LayerNorm",
    },
    qkv=(
        "encoder.layer.{}.attention.self.query",
        "encoder.layer.{}.attention.self.key",
        "encoder.layer.{}.attention.self.value",
    ),
)
DISTILBERT_ENCODER = WeightMapping(
    embeddings={
        "word": "embeddings.word_embeddings",
        "position": "embeddings.position_embeddings",
        "norm": "embeddings.LayerNorm",
    },
    linears={
        "out": "transformer.layer.{}.attention.out_lin",
        "norm1": "transformer.layer.{}.sa_layer_norm",
        "up": "transformer.layer.{}.ffn.lin1",
        "down": "transformer.layer.{}.ffn.lin2",
        "norm2": "transformer.layer.{}.output_layer_norm",
    },
    qkv=(
        "transformer.layer.{}.attention.q_lin",
        "transformer.layer.{}.attention.k_lin",
        "transformer.layer.{}.attention.v_lin",
    ),
)
TOKENS, SPAN = Chain((linear("classifier"),)), Chain((linear("qa_outputs"),))
BERT = Family(
    BERT_ENCODER,
    {
        "sequence": Chain((linear("classifier"),), pooled=True),
        "tokens": TOKENS,
        "span": SPAN,
        "vocabulary": Chain(
            (
                linear("cls.predictions.transform.dense", "config", "cls.predictions.transform.LayerNorm"),
                linear("cls.predictions.decoder"),
            )
        ),
    },
)
ROBERTA = Family(
    BERT_ENCODER,
    {
        "sequence": Chain((linear("classifier.dense", "tanh"), linear("classifier.out_proj"))),
        "tokens": TOKENS,
        "span": SPAN,
        "vocabulary": Chain((linear("lm_head.dense", "gelu", "lm_head.layer_norm"), linear("lm_head.decoder"))),
    },
    offset_positions=True,
)
MPNET = Family(
    None, {kind: chain for kind, chain in ROBERTA.heads.items() if kind != "vocabulary"}, offset_positions=True
)
DISTILBERT = Family(
    DISTILBERT_ENCODER,
    {
        "sequence": Chain((linear("pre_classifier", "relu"), linear("classifier"))),
        "tokens": TOKENS,
        "span": SPAN,
        "vocabulary": Chain((linear("vocab_transform", "config", "vocab_layer_norm"), linear("vocab_projector"))),
    },
    ConfigKeys("n_layers", "n_heads", "dim", "hidden_dim", "activation", eps=""),
)
ELECTRA = Family(
    None,
    {
        "sequence": Chain((linear("classifier.dense", "gelu"), linear("classifier.out_proj"))),
        "tokens": TOKENS,
        "span": SPAN,
    },
)
FAMILIES: dict[str, Family] = {
    "bert": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "camembert": ROBERTA,
    "mpnet": MPNET,
    "distilbert": DISTILBERT,
    "electra": ELECTRA,
}
MOST_LAYERS = 1000
OTHER = Family(None, {})
"""Of every other `model_type`: transformers runs it."""


def family(config: Mapping[str, Any]) -> Family:
    """The family of a decoded `config.json`."""
    return FAMILIES.get(value(config, "model_type", str, ""), OTHER)


def activation(config: Mapping[str, Any]) -> str:
    """The model's own activation, as transformers names it."""
    return value(config, family(config).keys.activation, str, "gelu")


def norm_eps(config: Mapping[str, Any]) -> float:
    """What normalisations add to a variance."""
    key = family(config).keys.eps
    found = value(config, key, float, 1e-12)
    if not math.isfinite(found):
        raise Failure(f"{key} of config.json is {found}; expected: a finite number, such as 1e-12")
    return found


def hidden_size(config: Mapping[str, Any]) -> int:
    """Width of token states.

    Raises:
        Failure: `config.json` does not say one.
    """
    key = family(config).keys.hidden
    size = required(config if family(config) is not OTHER else in_usual_words(config), key, int)
    if size < 1:
        raise Failure(f"{key} of config.json is {size}; expected: 1 or more")
    return size


def check_layers(config: Mapping[str, Any]) -> None:
    """Refuse a number that would take hours to build, before the weights are compared with it.

    Raises:
        Failure: it is more than `MOST_LAYERS`.
    """
    key = family(config).keys.layers
    count = config.get(key)
    if isinstance(count, int | float) and count > MOST_LAYERS:
        raise Failure(
            f"{key} of config.json is {count:g}; {MOST_LAYERS} is the most that is built",
            fix="set it to as many layers as the weights have",
        )


def check_sizes(config: Mapping[str, Any]) -> None:
    """Refuse sizes that no encoder has; one of ours would be built of them without a question.

    Raises:
        Failure: a size is below 1, or the heads do not divide the width.
    """
    keys = family(config).keys
    for key in (keys.layers, keys.heads, keys.intermediate):
        if value(config, key, int, 1) < 1:
            raise Failure(f"{key} of config.json is {config[key]}; expected: 1 or more")
    width, heads = value(config, keys.hidden, int, 0), value(config, keys.heads, int, 1)
    if width % heads:
        raise Failure(f"{keys.hidden} {width} of config.json is no multiple of {keys.heads} {heads}")


def vocabulary_size(config: Mapping[str, Any]) -> int:
    """Rows of the table of words.

    Raises:
        Failure: `config.json` does not say how many.
    """
    return required(config if family(config) is not OTHER else in_usual_words(config), "vocab_size", int)


def in_usual_words(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the keys that most families have, where its own calls them otherwise, as T5's `d_model`.

    Raises:
        Failure: transformers does not know it.
    """
    from transformers import AutoConfig

    try:
        found = AutoConfig.for_model(**config).get_text_config()
    except Exception as error:  # of any kind, as transformers' classes fail over their configuration
        raise Failure(f"transformers does not read config.json: {error}", fix="correct it") from None
    usual = {key: getattr(found, key, None) for key in ("hidden_size", "vocab_size")}
    return {**config, **{key: size for key, size in usual.items() if size is not None}}


def position_offset(config: Mapping[str, Any]) -> int:
    """Number of the first token's position."""
    return value(config, "pad_token_id", int, 1) + 1 if family(config).offset_positions else 0
