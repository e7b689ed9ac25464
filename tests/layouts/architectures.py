"""Which of transformers' architectures are text encoders, which classes each has, and a small configuration of each.

A text encoder, by its classes: one fills masks, or is among those for encoding texts, or labels tokens or chooses
answers without being a language model; and the model takes `input_ids`. Of a family with encoder and decoder, the
encoder has to have a class of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from inspect import signature
from typing import Any

from transformers.models.auto import modeling_auto as auto

LENGTH, POSITIONS = 128, 130
"""Tokens of the longest text, and rows of tables of positions: RoBERTa's begin at the third."""
SIZES: Mapping[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "dim", "n_embd", "emb_dim", "embedding_size"), 64),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layers", "n_layer", "num_decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "num_heads", "n_heads", "n_head", "num_key_value_heads"), 4),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_inner", "d_ff", "n_inner"), 128),
    **dict.fromkeys(("d_kv", "head_dim", "d_head", "attention_head_size"), 16),
    **dict.fromkeys(("max_position_embeddings", "n_positions"), POSITIONS),
}
"""Keys of configurations; a family has some of them."""
OWN: Mapping[str, Mapping[str, Any]] = {
    "funnel": {"block_sizes": [1, 1], "num_decoder_layers": 1},
    "mobilebert": {"embedding_size": 32, "true_hidden_size": 32, "intra_bottleneck_size": 32},
    "longformer": {"attention_window": 16},
    "big_bird": {"block_size": 16, "attention_type": "original_full"},
    "rembert": {"input_embedding_size": 32, "output_embedding_size": 48},
    "nystromformer": {"num_landmarks": 64, "segment_means_seq_len": 64},
    "luke": {"entity_vocab_size": 20, "entity_emb_size": 16},
    "xmod": {"languages": ["en_XX", "fr_XX"], "default_language": "en_XX"},
    "modernbert": {"local_attention": 16, "global_attn_every_n_layers": 2},
    "ultrabert": {"num_hidden_layers": 2},
    "lilt": {"hidden_size": 96},
    "canine": {"num_hash_buckets": 50, "local_transformer_stride": 16},
    "reformer": {"axial_pos_embds_dim": [16, 48], "axial_pos_shape": [8, 16], "is_decoder": False},
    "gemma3_text": {"use_bidirectional_attention": True},
}
"""What a family needs beside the sizes."""
ANGLES = ("roberta", "data2vec-text", "camembert", "mpnet", "luke", "longformer", "xmod", "ibert")
"""Parts of the names of families with RoBERTa's special tokens: positions count from the padding id."""
EXTRA = ("bert-generation", "splinter", "xlnet", "gemma3_text", "qwen3")
"""Families that sentence-transformers uses as encoders, or that have another head than those looked for."""
LEFT_OUT = ("mistral4", "qwen3_asr", "molmo2_text", "clip_text_model", "t5gemma")
"""Families whose tokens do not see what comes after them, whatever their classes say; and T5Gemma, whose encoder
takes no configuration with a decoder, and whose two halves have the sizes of Gemma 2B."""
TASKS: Mapping[str, Mapping[str, str]] = {
    "ForMaskedLM": auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    "ForPreTraining": auto.MODEL_FOR_PRETRAINING_MAPPING_NAMES,
    "ForSequenceClassification": auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    "ForTokenClassification": auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
    "ForQuestionAnswering": auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
    "ForMultipleChoice": auto.MODEL_FOR_MULTIPLE_CHOICE_MAPPING_NAMES,
    "ForNextSentencePrediction": auto.MODEL_FOR_NEXT_SENTENCE_PREDICTION_MAPPING_NAMES,
}
"""Heads, and transformers' classes for them by family."""


def config_of(kind: str, **options: Any) -> Any:
    """A small configuration of that `model_type`, with these keys too."""
    from transformers import AutoConfig

    known = AutoConfig.for_model(kind).to_dict()
    sizes = {key: size for key, size in SIZES.items() if key in known}
    return AutoConfig.for_model(kind, **{**sizes, **OWN.get(kind, {}), **options})


def angled(kind: str) -> bool:
    """Whether its special tokens are RoBERTa's."""
    return any(part in kind for part in ANGLES)


def model_class(kind: str) -> Any:
    """What encodes a text: the encoder alone, where the family has a decoder too."""
    import transformers

    text = auto.MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES.get(kind, "")
    named = text if text.endswith("EncoderModel") else auto.MODEL_MAPPING_NAMES[kind]
    return getattr(transformers, named if isinstance(named, str) else named[0], None)


@cache
def encoders() -> Sequence[str]:
    """Families that are text encoders by their classes, and `EXTRA`."""
    language = set(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    answering = set(TASKS["ForTokenClassification"]) | set(TASKS["ForMultipleChoice"])
    found = set(TASKS["ForMaskedLM"]) | set(auto.MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES) | (answering - language)
    found = {kind for kind in found - set(LEFT_OUT) if kind in auto.MODEL_MAPPING_NAMES and reads_text(kind)}
    return [kind for kind in auto.MODEL_MAPPING_NAMES if kind in EXTRA or kind in found]


def reads_text(kind: str) -> bool:
    """Whether its class takes ids, no pictures, and has no decoder."""
    found = model_class(kind)
    names = signature(found.forward).parameters if found else {}
    return "input_ids" in names and not any("pixel" in name or "decoder_input" in name for name in names)


def head_classes(kind: str) -> Mapping[str, str]:
    """Heads that it has a class for, each class once."""
    found: dict[str, str] = {}
    for task, classes in TASKS.items():
        if kind in classes and classes[kind] not in found.values():
            found[task] = classes[kind]
    return found
