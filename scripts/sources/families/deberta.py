"""DeBERTa: BERT whose attention also scores contents against relative positions, in both versions.

https://arxiv.org/abs/2006.03654, section 3. What attention has for relative positions depends on no text, so it is
computed here, once, and with the scale of its scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from handler.head import Step
from scripts.files.json_files import value
from scripts.sources.families.bert import BERT, EMBEDDINGS, LINEARS
from scripts.sources.families.family import (
    CHOICE,
    SPAN,
    TOKENS,
    Chain,
    Config,
    ConfigKeys,
    Family,
    WeightMapping,
    Weights,
    linear,
    numbered,
)

Project = Callable[[Weights, Config, str, str], tuple[Tensor, Tensor]]
"""A projection of the attention that is a module, `(out, in)` and `(out,)`, by one of `CONTENTS` or `RELATIVE`."""

CONTENTS = ("query", "key", "value")
RELATIVE = {"keys": "c2p", "queries": "p2c"}
"""What relative positions have for contents, and the word of `pos_att_type` that asks for it."""
SEPARATE = {"keys": "key_proj", "queries": "query_proj"}


def separate(weights: Weights, config: Config, module: str, part: str) -> tuple[Tensor, Tensor]:
    """Of versions 2 and 3: a linear each; relative positions may share those of contents."""
    own = "" if value(config, "share_att_key", bool, False) else "pos_"
    name = f"{own}{SEPARATE[part]}" if part in RELATIVE else f"{part}_proj"
    return weights[f"{module}.{name}.weight"], weights[f"{module}.{name}.bias"]


def fused(weights: Weights, config: Config, module: str, part: str) -> tuple[Tensor, Tensor]:
    """Of version 1: one linear for all contents, head by head; keys have no bias."""
    if part == "queries":
        return weights[f"{module}.pos_q_proj.weight"], weights[f"{module}.pos_q_proj.bias"]
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    if part == "keys":
        return weights[f"{module}.pos_proj.weight"], torch.zeros(hidden)
    parts = weights[f"{module}.in_proj.weight"].view(heads, 3, hidden // heads, hidden)
    bias = weights.get(f"{module}.{part[0]}_bias", torch.zeros(hidden))
    return parts[:, CONTENTS.index(part)].reshape(hidden, hidden), bias


def asked(config: Config) -> list[str]:
    """The words of `pos_att_type`."""
    said = config.get("pos_att_type") or []
    return [word.strip() for word in said.lower().split("|")] if isinstance(said, str) else list(said)


def is_relative(config: Config) -> bool:
    """Whether there are relative positions."""
    return value(config, "relative_attention", bool, False)


def buckets(config: Config) -> int:
    """Of either sign, for distances; 0 where each distance is its own."""
    return max(0, value(config, "position_buckets", int, -1))


def farthest(config: Config) -> int:
    """The distance from which on all are the same."""
    most = value(config, "max_relative_positions", int, -1)
    return most if most > 0 else value(config, "max_position_embeddings", int, 512)


def rows(config: Config) -> Tensor:
    """Relative positions of a key's place minus the query's, `(2 * farthest + 1,)`, ascending."""
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    most, span = farthest(config), buckets(config) or farthest(config)
    apart = torch.arange(-most, most + 1)
    if buckets(config):
        apart = make_log_bucket_position(apart, span, most).long()
    return (apart + span - 1).clamp(0, 2 * span - 1).int()


def relative_embeddings(weights: Weights, config: Config) -> Tensor:
    """`(2 * span, hidden)` in the order of `rows`; checkpoints have the query's place minus the key's."""
    table = weights["encoder.rel_embeddings.weight"]
    if "encoder.LayerNorm.weight" in weights:
        norm = weights["encoder.LayerNorm.weight"], weights["encoder.LayerNorm.bias"]
        table = functional.layer_norm(table, table.shape[-1:], *norm, config["layer_norm_eps"])
    return table.flip(0)


def disentangled(project: Project, weights: Weights, config: Config) -> dict[str, Tensor]:
    """Contents, whose queries hold what scales scores beside the size of a head; and `relative_...` of each layer.

    Those are `(heads, size, relative positions)`, and scaled for the size as well.
    """
    heads, size = config["num_attention_heads"], config["hidden_size"] // config["num_attention_heads"]
    scale = (1 + len(asked(config))) ** -0.5
    scales = {"keys": size**-0.5, "queries": size**-0.5 * scale}
    wanted = [part for part, word in RELATIVE.items() if is_relative(config) and word in asked(config)]
    found = {"relative_rows": rows(config)} if wanted else {}
    for number in range(config["num_hidden_layers"]):
        module = f"encoder.layer.{number}.attention.self"
        (weight, bias), *others = [project(weights, config, module, part) for part in CONTENTS]
        joined = [torch.cat(parts) for parts in zip((weight * scale, bias * scale), *others, strict=True)]
        found |= {f"layers.{number}.qkv.weight": joined[0].t().contiguous(), f"layers.{number}.qkv.bias": joined[1]}
        for part in wanted:
            places = functional.linear(relative_embeddings(weights, config), *project(weights, config, module, part))
            places = places.view(-1, heads, size).permute(1, 2, 0) * scales[part]
            found[f"layers.{number}.relative_{part}"] = places.contiguous()
    return found


def beyond(config: Config) -> str:
    """What the fast runtimes do not have."""
    said, size = asked(config), value(config, "attention_head_size", int)
    signs, most = buckets(config), farthest(config)
    if not set(said) <= set(RELATIVE.values()) or len(set(said)) < len(said):
        return f"pos_att_type {'|'.join(map(str, said))} is not c2p, p2c or c2p|p2c"
    if value(config, "talking_head", bool, False):
        return "talking_head is true"
    if value(config, "conv_kernel_size", int, 0) > 0:
        return f"conv_kernel_size is {config['conv_kernel_size']}, not 0"
    if size is not None and size * config["num_attention_heads"] != config["hidden_size"]:
        return f"attention_head_size is {size}, and not hidden_size / num_attention_heads"
    if is_relative(config) and signs and (signs % 2 or most - 1 <= signs // 2):
        return f"position_buckets is {signs}; expected: an even number below {2 * (most - 1)}"
    return ""


def endless(config: Config) -> bool:
    """Whether a sequence may have any length: distances have no end, absolute positions do."""
    return not value(config, "position_biased_input", bool, True)


LM_HEAD = "lm_predictions.lm_head"
WORDS = "deberta.embeddings.word_embeddings.weight"
POOLING = Chain((linear("pooler.dense", "config"), linear("classifier")), activation="pooler_hidden_act")
SCORED = Chain((linear(f"{LM_HEAD}.dense", "config", f"{LM_HEAD}.LayerNorm"), Step(WORDS, f"{LM_HEAD}.bias")))


def version(project: Project, qkv: tuple[str, ...]) -> Family:
    """A family, by its projections and their modules."""
    return Family(
        WeightMapping(
            around=EMBEDDINGS | {"projection": "embeddings.embed_proj"},
            layers=numbered("encoder.layer.{}"),
            linears=LINEARS,
            qkv=[f"attention.self.{name}" for name in qkv],
            derived=partial(disentangled, project),
            described=lambda config: {"norm_projected": True},
        ),
        {
            "sequence": POOLING,
            "tokens": TOKENS,
            "span": SPAN,
            "vocabulary": replace(BERT.heads["vocabulary"], otherwise={"legacy": SCORED}),
        },
        ConfigKeys(usual_eps=1e-7),
        beyond=beyond,
        endless=endless,
        blinded=True,
        further={CHOICE: POOLING},
    )


DEBERTA = version(fused, ("in_proj",))
DEBERTA_V2 = version(separate, ("query_proj", "key_proj", "value_proj"))
