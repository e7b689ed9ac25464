"""What users do to JSON files: from a seed, one to three changes of a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

FILES: Mapping[str, tuple[str, ...]] = {
    "config.json": (
        *("model_type", "architectures", "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"),
        *("intermediate_size", "hidden_act", "max_position_embeddings", "type_vocab_size", "layer_norm_eps"),
        *("pad_token_id", "id2label", "label2id", "num_labels", "problem_type", "position_embedding_type", "dtype"),
        *("is_decoder", "add_cross_attention", "tie_word_embeddings", "attention_probs_dropout_prob", "torch_dtype"),
        *("classifier_dropout", "auto_map", "transformers_version", "sentence_transformers", "initializer_range"),
        *("sbert_ce_default_activation_function", "dim", "n_layers", "n_heads", "hidden_dim", "activation"),
        *("embedding_size", "relative_attention", "pos_att_type", "chunk_size_feed_forward", "quantization_config"),
        *("output_hidden_states", "output_attentions", "return_dict", "use_cache", "bos_token_id", "eos_token_id"),
    ),
    "tokenizer_config.json": (
        *("model_max_length", "max_len", "tokenizer_class", "do_lower_case", "pad_token", "cls_token", "sep_token"),
        *("mask_token", "unk_token", "truncation_side", "padding_side", "added_tokens_decoder", "strip_accents"),
        *("clean_up_tokenization_spaces", "split_special_tokens", "additional_special_tokens", "model_input_names"),
        *("max_length", "stride", "truncation_strategy", "extra_special_tokens", "chat_template", "backend"),
    ),
    "special_tokens_map.json": ("cls_token", "sep_token", "pad_token", "mask_token", "unk_token", "extra"),
    "modules.json": ("type", "path", "idx", "name"),
    "sentence_bert_config.json": (
        *("max_seq_length", "do_lower_case", "processing_kwargs", "transformer_task", "modality_config"),
        *("module_output_name", "model_args", "tokenizer_args", "config_args"),
    ),
    "1_Pooling/config.json": (
        *("embedding_dimension", "word_embedding_dimension", "pooling_mode", "pooling_mode_cls_token"),
        *("pooling_mode_mean_tokens", "pooling_mode_max_tokens", "include_prompt", "pooling_strategy"),
    ),
    "2_Dense/config.json": ("in_features", "out_features", "bias", "activation_function", "use_residual"),
    "config_sentence_transformers.json": (
        *("prompts", "default_prompt_name", "similarity_fn_name", "activation_fn", "truncate_dim", "model_type"),
        *("__version__",),
    ),
}
"""Files, and keys that somebody reads of them; those that a file has are mutated as well."""
NUMBERS: tuple[Any, ...] = (0, -1, 1, 2, 7, 12.0, 12.5, 2**31, 2**63, 10**30, 1e30, 1e308, float("nan"), float("inf"))
JUNK: tuple[Any, ...] = (
    *(None, True, False, "", "12", "true", "x" * 100_000, "\ud800", "\x00", "é" * 9),
    *([], {}, [[]], [None], [1, 2], ["a", "a"], {"a": {"b": []}}, {"0": None}, {"": ""}, {"1": "a"}, "none", "auto"),
)
KNOWN: Mapping[str, tuple[Any, ...]] = {
    "model_type": ("bert", "roberta", "distilbert", "electra", "BERT", "nonesuch"),
    "architectures": (["BertModel"], ["BertForMaskedLM"], ["BertForSequenceClassification"], "BertModel", ["Nonesuch"]),
    "hidden_act": ("gelu", "relu", "silu", "gelu_new", "GELU", "nonesuch"),
    "activation": ("gelu", "relu", "silu", "nonesuch"),
    "position_embedding_type": ("absolute", "relative_key", "rotary", "Absolute"),
    "problem_type": ("regression", "multi_label_classification", "single_label_classification", "nonesuch"),
    "id2label": ({"0": "a"}, {"0": "a", "1": "a", "2": "a"}, {"2": "c", "1": "b", "0": "a"}, {"0": 0, "1": 1, "2": 2}),
    "num_labels": (1, 2, 3, 4),
    "dtype": ("float16", "bfloat16", "float32", "float64", "int8", "nonesuch"),
    "torch_dtype": ("float16", "nonesuch"),
    "pooling_mode": ("mean", "cls", "max", "lasttoken", ["mean", "cls"], "nonesuch"),
    "truncation_side": ("left", "right", "middle", "Left"),
    "padding_side": ("left", "middle"),
    "model_max_length": (8, 16, 512, 10**30),
    "max_seq_length": (8, 16, 512),
    "max_position_embeddings": (16, 39, 41),
    "default_prompt_name": ("query", "passage", "nonesuch"),
    "prompts": ({"query": "hello "}, {"query": None}, {"query": 1}, {"": "a"}),
    "activation_fn": ("torch.nn.modules.activation.Tanh", "torch.nn.Identity", "Sigmoid", "os.system", "torch.nn.Nope"),
    "activation_function": (
        "torch.nn.modules.activation.Tanh",
        "torch.nn.modules.linear.Identity",
        "Tanh",
        "os.system",
    ),
    "sentence_transformers": ({"activation_fn": "torch.nn.modules.activation.Tanh"}, {"activation_fn": None}),
    "type": ("sentence_transformers.models.Normalize", "sentence_transformers.models.Pooling", "somebody.Module"),
    "path": ("", ".", "..", "nonesuch", "1_Pooling", "/"),
    "truncate_dim": (1, 8, 31, 32, 33, 4096),
    "similarity_fn_name": ("dot", "nonesuch"),
    "tokenizer_class": ("BertTokenizer", "RobertaTokenizer", "PreTrainedTokenizerFast", "Nonesuch"),
    "pad_token_id": (0, 1, 3, 10**6),
    "layer_norm_eps": (1e-5, 1e-12, 0.5),
    "num_hidden_layers": (1, 3),
    "n_layers": (1, 3),
    "num_attention_heads": (1, 2, 3, 8),
    "n_heads": (1, 2, 3, 8),
}
"""Values that mean something, right or wrong."""
TEXTS = ("", "null", "[]", "{", "5", '"a"', "{}", '{"a": 1, "a": 2}', "\ufeff{}", "[" * 100_000)
"""What a whole file is replaced with."""


def mutate(folder: Path, dice: Random) -> list[str]:
    """Change one to three places of a folder; what was done, for people."""
    return [change(folder, dice) for _ in range(dice.choice((1, 1, 1, 2, 3)))]


def change(folder: Path, dice: Random) -> str:
    """One place."""
    there = [name for name in FILES if (folder / name).exists()]
    name = dice.choice([*there, *(["config.json"] * 3), "tokenizer_config.json"])
    file = folder / name
    if dice.random() < 0.04 or not file.exists():
        text = dice.choice(TEXTS)
        file.write_text(text)
        return f"{name} is {text[:20]!r}"
    try:
        content = json.loads(file.read_text())
    except (ValueError, RecursionError):  # what an earlier change left
        return f"{name} as it was"
    places = [content] if isinstance(content, dict) else [each for each in listed(content) if isinstance(each, dict)]
    if not places:
        return f"{name} as it was"
    place = dice.choice(places)
    key = dice.choice(sorted({*place, *FILES[name]} if dice.random() < 0.5 else {*place} or {"a"}))
    said = alter(place, key, dice)
    file.write_text(json.dumps(content))
    return f"{name}: {said}"


def listed(content: Any) -> list[Any]:
    """A list, or nothing."""
    return content if isinstance(content, list) else []


def alter(place: dict[str, Any], key: str, dice: Random) -> str:
    """Remove a key, or give it another value."""
    if dice.random() < 0.15:
        place.pop(key, None)
        return f"{key} removed"
    place[key] = value(key, place.get(key), dice)
    return f"{key} = {json.dumps(place[key])[:60]}"


def value(key: str, before: Any, dice: Random) -> Any:
    """Something that means something, a number, or junk."""
    known = KNOWN.get(key, ())
    if known and dice.random() < 0.4:
        return dice.choice(known)
    if isinstance(before, dict) and before and dice.random() < 0.4:
        inner = dict(before)
        alter(inner, dice.choice(sorted(inner)), dice)
        return inner
    return dice.choice(dice.choice((NUMBERS, JUNK)))
