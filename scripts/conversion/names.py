"""What Google's BERT calls its tensors, their shapes, and what transformers calls them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from scripts.conversion.config import BertConfig

Shapes = dict[str, tuple[int, ...]]
"""Names in the checkpoint, and the shapes its configuration gives them."""


def dense(name: str, fan_in: int, fan_out: int) -> Shapes:
    """A layer of `tf.layers.dense`."""
    return {f"{name}/kernel": (fan_in, fan_out), f"{name}/bias": (fan_out,)}


def norm(name: str, size: int) -> Shapes:
    """A layer of `tf.contrib.layers.layer_norm`."""
    return {f"{name}/LayerNorm/gamma": (size,), f"{name}/LayerNorm/beta": (size,)}


def output(name: str, scores: int, size: int) -> Shapes:
    """Weights that a head keeps the other way round than a dense layer does."""
    return {f"{name}output_weights": (scores, size), f"{name}output_bias": (scores,)}


def encoder(config: BertConfig) -> Shapes:
    """Embeddings and layers."""
    hidden, found = config.hidden_size, norm("bert/embeddings", config.hidden_size)
    found["bert/embeddings/word_embeddings"] = (config.vocab_size, hidden)
    found["bert/embeddings/position_embeddings"] = (config.max_position_embeddings, hidden)
    found["bert/embeddings/token_type_embeddings"] = (config.type_vocab_size, hidden)
    for number in range(config.num_hidden_layers):
        layer = f"bert/encoder/layer_{number}"
        for part in ("query", "key", "value"):
            found |= dense(f"{layer}/attention/self/{part}", hidden, hidden)
        found |= dense(f"{layer}/attention/output/dense", hidden, hidden) | norm(f"{layer}/attention/output", hidden)
        found |= dense(f"{layer}/intermediate/dense", hidden, config.intermediate_size)
        found |= dense(f"{layer}/output/dense", config.intermediate_size, hidden) | norm(f"{layer}/output", hidden)
    return found


def pooler(config: BertConfig) -> Shapes:
    """The dense layer over the first token."""
    return dense("bert/pooler/dense", config.hidden_size, config.hidden_size)


def masked_lm(config: BertConfig) -> Shapes:
    """Its last linear is the table of words."""
    transform = "cls/predictions/transform"
    found = dense(f"{transform}/dense", config.hidden_size, config.hidden_size) | norm(transform, config.hidden_size)
    return found | {"cls/predictions/output_bias": (config.vocab_size,)}


def next_sentence(config: BertConfig) -> Shapes:
    """Whether the second text follows the first."""
    return output("cls/seq_relationship/", 2, config.hidden_size)


def classification(config: BertConfig) -> Shapes:
    """What run_classifier.py adds."""
    return output("", config.labels, config.hidden_size)


def squad(config: BertConfig) -> Shapes:
    """What run_squad.py adds."""
    return output("cls/squad/", 2, config.hidden_size)


Part = Callable[[BertConfig], Shapes]


@dataclass(frozen=True, slots=True)
class Head:
    """What a checkpoint was trained for.

    Attributes:
        architecture: class of transformers.
        parts: tensors it has beside the encoder.
        pooled: whether it reads the pooler, which a checkpoint may lack otherwise.
    """

    architecture: str
    parts: tuple[Part, ...]
    pooled: bool


HEADS = {
    "classification": Head("BertForSequenceClassification", (classification,), True),
    "question-answering": Head("BertForQuestionAnswering", (squad,), False),
    "pretraining": Head("BertForPreTraining", (masked_lm, next_sentence), True),
    "masked-lm": Head("BertForMaskedLM", (masked_lm,), False),
    "none": Head("BertModel", (), False),
}
"""In the order in which a checkpoint's own head is looked for."""

MODULES = {
    "cls/squad/output_": "qa_outputs.",
    "cls/seq_relationship/output_": "cls.seq_relationship.",
    "cls/predictions/output_": "cls.predictions.",
    "output_": "classifier.",
}
"""Beginnings of names that are not transformers' with other separators."""
LEAVES = {"kernel": "weight", "gamma": "weight", "beta": "bias", "weights": "weight"}

LEFT_OUT = {
    r".*/(adam_[mv]|lamb_[mv]|Adam(_1)?|LAMB(_1)?|Momentum|(AdamWeightDecay|LAMB)Optimizer(_1)?)": "optimizer slot",
    r"global_step|.*(beta[12]_power|loss_scale|good_steps|bad_steps)": "training counter",
    r".*/ExponentialMovingAverage": "moving average",
    r"output_(weights|bias)|cls/.*|bert/pooler/.*": "head not asked for",
}
"""Names of tensors that no model needs once it is trained, and what they are."""


def translated(name: str) -> str:
    """A tensor's name in transformers' classes with a head."""
    for start, module in MODULES.items():
        if name.startswith(start):
            leaf = name.removeprefix(start)
            return module + LEAVES.get(leaf, leaf)
    path = re.sub(r"layer_(\d+)", r"layer.\1", name).split("/")
    leaf = LEAVES.get(path[-1], path[-1])
    return ".".join([*path[:-1], f"{leaf}.weight" if leaf.endswith("embeddings") else leaf])


def reason(name: str) -> str:
    """Why a tensor is not needed; empty for one that is not known."""
    return next((why for pattern, why in LEFT_OUT.items() if re.fullmatch(pattern, name)), "")
