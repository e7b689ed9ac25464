"""Families that the fast runtimes know, on shapes that fit no vector, and what is special in each."""

POSITIONS = 160
SHAPE = {"hidden_size": 36, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 50}
LINEAR = {"rope_type": "linear", "factor": 2.5, "rope_theta": 3000.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 3000.0, "original_max_position_embeddings": 40}
FAR = 600
"""Tokens of the longest sequence where there is no end to positions, which is behind `max_position_embeddings`."""
RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
BUCKETS = {"position_buckets": 16, "max_relative_positions": 50, "share_att_key": True}
CASES = {
    **{
        f"Bert {name}": {"hidden_act": name}
        for name in ("silu", "quick_gelu", "gelu_fast", "gelu_10", "mish", "tanh", "sigmoid")
    },
    "Ernie": {},
    "Ernie with tasks": {"use_task_id": True},
    "Electra": {"embedding_size": 36},
    "Electra narrow": {"embedding_size": 20},
    "Electra wide": {"embedding_size": 201},
    "Albert": {"embedding_size": 20},
    "Albert in groups": {
        "embedding_size": 20,
        "num_hidden_layers": 5,
        "num_hidden_groups": 2,
        "inner_group_num": 2,
        "hidden_act": "gelu_new",
    },
    "MPNet": {},
    "MPNet with id 0 as padding": {"pad_token_id": 0},
    "ModernBert": {"local_attention": 16, "pad_token_id": 0},
    "ModernBert far": {
        "local_attention": 90,
        "num_hidden_layers": 5,
        "hidden_activation": "silu",
        "norm_bias": True,
        "attention_bias": True,
        "mlp_bias": True,
        "pad_token_id": 0,
    },
    "ModernBert scaled": {
        "local_attention": 16,
        "attention_bias": True,
        "pad_token_id": 0,
        "rope_parameters": {"full_attention": YARN, "sliding_attention": LINEAR},
    },
    "Gte": {"type_vocab_size": 2, "num_attention_heads": 2},
    "Gte without types": {"type_vocab_size": 0, "num_attention_heads": 2, "rope_parameters": LINEAR},
    "NomicBert": {"num_attention_heads": 2, "rope_parameters": YARN},
    "JinaEmbeddingsV3": {"type_vocab_size": 2, "num_attention_heads": 1},
    "EuroBert": {"num_attention_heads": 6, "num_key_value_heads": 2, "pad_token_id": 0},
    "EuroBert with biases": {"num_attention_heads": 2, "attention_bias": True, "mlp_bias": True, "pad_token_id": 0},
    "Data2VecText": {"type_vocab_size": 2},
    "RobertaPreLayerNorm": {},
    "XLMRobertaXL": {"type_vocab_size": 2},
    "MegatronBert": {},
    "RemBert": {"input_embedding_size": 20, "output_embedding_size": 28},
    "RoFormer": {"embedding_size": 20, "num_attention_heads": 2},
    "Deberta": {**RELATIVE, "position_biased_input": False},
    "Deberta of words alone": {"type_vocab_size": 2},
    "Deberta with p2c": {**RELATIVE, "pos_att_type": ["p2c"], "max_relative_positions": 20, "embedding_size": 20},
    "DebertaV2": {**RELATIVE, **BUCKETS, "norm_rel_ebd": "layer_norm", "position_biased_input": False},
    "DebertaV2 with keys of its own": {**RELATIVE, **BUCKETS, "share_att_key": False, "type_vocab_size": 2},
    "DebertaV2 with c2p": {**RELATIVE, "pos_att_type": ["c2p"], "max_relative_positions": 30, "embedding_size": 201},
}
"""Families, and what is special; keys of their configurations beside `SHAPE`."""
FURTHER = (
    *("Ernie", "Electra", "Albert", "MPNet", "ModernBert", "Gte", "NomicBert", "JinaEmbeddingsV3", "EuroBert"),
    *("Data2VecText", "RobertaPreLayerNorm", "XLMRobertaXL", "MegatronBert", "RemBert", "RoFormer"),
    *("Deberta", "DebertaV2"),
)
"""Families whose layers are BERT's and something more, or others."""
