"""`bert_config.json`, and the `config.json` it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from scripts.console import Failure
from scripts.files.json_files import MALFORMED

Gelu = Literal["erf", "tanh"]
GELUS = {"erf": "gelu", "tanh": "gelu_new"}
"""Forms of GELU, and transformers' names for them."""
Size = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]


class BertConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of Google's `modeling.BertConfig`; `labels` is known from the checkpoint only."""

    vocab_size: Size
    hidden_size: Size
    num_hidden_layers: Size
    num_attention_heads: Size
    intermediate_size: Size
    max_position_embeddings: Size
    type_vocab_size: Size
    hidden_act: Literal["gelu", "relu", "tanh", "linear"] = "gelu"
    hidden_dropout_prob: Share = 0.1
    attention_probs_dropout_prob: Share = 0.1
    initializer_range: Annotated[float, Meta(ge=0)] = 0.02
    labels: int = 0


def read(file: Path) -> BertConfig:
    """Check and decode.

    Raises:
        Failure: the file is missing, is not JSON, or describes no BERT.
    """
    try:
        config = msgspec.json.decode(file.read_bytes(), type=BertConfig)
    except FileNotFoundError:
        raise Failure(f"{file} is missing", fix="name it with --config") from None
    except MALFORMED as error:
        raise Failure(
            f"{file} is not a bert_config.json: {error}", fix="name the one of this checkpoint with --config"
        ) from None
    if config.hidden_size % config.num_attention_heads:
        raise Failure(
            f"{file}: hidden_size {config.hidden_size} is not a multiple of num_attention_heads "
            f"{config.num_attention_heads}",
            fix="name the one of this checkpoint with --config",
        )
    return config


def to_config(config: BertConfig, architecture: str, gelu: Gelu, padding: int) -> dict[str, Any]:
    """The keys of transformers' `BertConfig`. Google's layers normalise with 1e-12."""
    keys = msgspec.structs.asdict(config)
    labels = keys.pop("labels")
    named = {"id2label": {str(number): f"LABEL_{number}" for number in range(labels)}} if labels else {}
    return {
        "architectures": [architecture],
        "model_type": "bert",
        **keys,
        "hidden_act": GELUS[gelu] if config.hidden_act == "gelu" else config.hidden_act,
        "layer_norm_eps": 1e-12,
        "pad_token_id": padding,
        **named,
        **({"label2id": {name: int(number) for number, name in named["id2label"].items()}} if labels else {}),
    }
