"""Writes the checkpoints in this folder with TensorFlow and Google's own BERT code, and what that code computes.

    python3.11 -m venv /tmp/tf && /tmp/tf/bin/pip install tensorflow-cpu==2.15.1 bert-tensorflow==1.0.4
    /tmp/tf/bin/python tests/data/tensorflow/write.py

`bert-tensorflow` is google-research/bert as its authors released it (Apache 2.0). Two names of TensorFlow 1 that it
needs are put in place below. Each folder holds a checkpoint with random weights, its `bert_config.json` and
`vocab.txt`, and `reference.npz`: inputs, and states, pooled output and scores for them, once with the GELU of that code
(tanh) and once with that of the first release of BERT (erf).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import types
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
CONFIG = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 24,
    "initializer_range": 0.02,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "type_vocab_size": 2,
}
SPECIAL = ["[PAD]", *(f"[unused{number}]" for number in range(1, 6)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [*"abcdefghijklmnopqrstuvwxyz0123456789,.!?'-()"]
WORDS = ["the", "cat", "sat", "on", "mat", "hello", "how", "are", "you", "un", "believ", "able", "straße", "caf"]
WORDS += ["naive", "london", "ada", "lives", "in", "is", "it"]
CHINESE = [*"我住在北京你好吗世界，。！？"]
PIECES = [*(f"##{letter}" for letter in LETTERS[:36]), "##able", "##ing"]
LOWER = list(dict.fromkeys([*SPECIAL, *LETTERS, *PIECES, *WORDS, *CHINESE]))
CASED = [*LOWER, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "Ada", "London", "Hello", "##É", "é", "##é", "ü", "##ü"]
TEXTS = [
    "Hello, how are you?",
    "The CAT sat on the mat!",
    "unbelievable naïve café in Zürich",
    "Ada lives in London.",
    "我住在北京。你好吗？",
    "北京hello世界",
    "STRASSE straße ﬁ ÉÈÊ éèê",
    "tab\tnew\nline\u3000wide\u00a0space \u200bzero",
    "a-b(c) it's 3.14",
    "x" * 99 + " " + "x" * 101 + " " + "x" * 201,
    "\u0000\ufffd control\u0007",
]


def main() -> None:
    """Every fixture in a process of its own: the parts of Google's code define the same flags."""
    if len(sys.argv) > 1:
        write(sys.argv[1])
        return
    for name in FIXTURES:
        subprocess.run([sys.executable, __file__, name], check=True)


def write(name: str) -> None:
    """One fixture."""
    build, vocabulary, cased, shards = FIXTURES[name]
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config = {**CONFIG, "vocab_size": len(vocabulary)}
    (folder / "bert_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    from absl import flags
    from bert import tokenization

    flags.FLAGS([sys.argv[0]])
    tokenizer = tokenization.FullTokenizer(str(folder / "vocab.txt"), do_lower_case=not cased)
    ids = [tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text)) for text in TEXTS]
    first = tokenizer.convert_tokens_to_ids(["[CLS]", *tokenizer.tokenize(TEXTS[0]), "[SEP]"])
    references: dict[str, Any] = inputs(len(vocabulary), first)
    values: dict[str, Any] = {}
    for gelu in ("tanh", "erf"):
        results = run(build, config, gelu, references, values, shards, folder / "bert_model.ckpt")
        references |= {f"{key}_{gelu}": value for key, value in results.items()}
    (folder / "bert_model.ckpt.meta").unlink()
    (folder / "checkpoint").unlink()
    np.savez_compressed(folder / "reference.npz", **references)
    origin = "bert-tensorflow 1.0.4 tokenization.FullTokenizer"
    content = {"origin": origin, "cased": cased, "texts": TEXTS, "ids": ids}
    (folder / "tokens.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def inputs(vocabulary: int, text: list[int]) -> dict[str, Any]:
    """Three sequences, the second and third padded; the second is the first of `TEXTS`."""
    random = np.random.default_rng(0)
    mask = np.zeros((3, 12), np.int32)
    for row, length in enumerate((12, len(text), 1)):
        mask[row, :length] = 1
    ids = random.integers(10, vocabulary, mask.shape).astype(np.int32) * mask
    types = random.integers(0, 2, mask.shape).astype(np.int32) * mask
    ids[1, : len(text)], types[1] = text, 0
    return {"ids": ids, "types": types, "mask": mask}


def run(
    build: Any, config: Any, gelu: str, fed: Any, values: dict[str, Any], shards: int, path: Path
) -> dict[str, Any]:
    """Build the graph, give it random weights (the first time), save it, and compute."""
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    patch(tf, gelu)
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={"CPU": shards})) as session:
        turn = count()
        with tf.device(lambda op: f"/cpu:{next(turn) % shards}" if "Variable" in op.type else ""):
            fetched = build(tf, config, {key: tf.constant(fed[key]) for key in ("ids", "types", "mask")})
        session.run(tf.global_variables_initializer())
        random = np.random.default_rng(1)
        for variable in tf.global_variables():
            name, shape = variable.op.name, variable.shape.as_list()
            if name not in values:
                drawn = random.normal(1 if name.endswith("gamma") else 0, 0.3, shape)
                values[name] = np.asarray(drawn if variable.dtype.base_dtype == tf.float32 else 12345)
            variable.load(values[name].astype(variable.dtype.base_dtype.as_numpy_dtype), session)
        if not path.with_name(path.name + ".index").exists():
            tf.train.Saver(sharded=shards > 1).save(session, str(path))
        return dict(zip(fetched, session.run(list(fetched.values())), strict=True))


def patch(tf: Any, gelu: str) -> None:
    """What Google's code wants of TensorFlow 1, and the GELU."""
    layers = types.ModuleType("tensorflow.contrib.layers")

    def layer_norm(inputs: Any, begin_norm_axis: int, begin_params_axis: int, scope: str | None) -> Any:
        """As tf.contrib.layers.layer_norm of TensorFlow 1.15: variance_epsilon 1e-12."""
        with tf.variable_scope(scope, "LayerNorm"):
            shape = inputs.shape[-1:]
            beta = tf.get_variable("beta", shape, initializer=tf.zeros_initializer())
            gamma = tf.get_variable("gamma", shape, initializer=tf.ones_initializer())
            mean, variance = tf.nn.moments(inputs, [-1], keepdims=True)
            return tf.nn.batch_normalization(inputs, mean, variance, beta, gamma, 1e-12)

    layers.layer_norm = layer_norm  # type: ignore[attr-defined]
    contrib = types.ModuleType("tensorflow.contrib")
    contrib.layers = layers  # type: ignore[attr-defined]
    sys.modules.setdefault("tensorflow.contrib", contrib)
    sys.modules.setdefault("tensorflow.contrib.layers", layers)
    from bert import modeling

    if gelu == "erf":
        modeling.gelu = lambda x: x * 0.5 * (1.0 + tf.erf(x / np.sqrt(2.0)))


def bert(tf: Any, config: Any, fed: Any) -> tuple[Any, dict[str, Any]]:
    """The encoder."""
    from bert import modeling

    model = modeling.BertModel(modeling.BertConfig.from_dict(config), False, fed["ids"], fed["mask"], fed["types"])
    return model, {"hidden": model.get_sequence_output(), "pooled": model.get_pooled_output()}


def pretraining(tf: Any, config: Any, fed: Any) -> dict[str, Any]:
    """Both heads of pre-training, and the optimizer's slots."""
    from bert import modeling, optimization, run_pretraining

    model, fetched = bert(tf, config, fed)
    fetched |= masked_lm(tf, config, fed, model)
    loss, _, scores = run_pretraining.get_next_sentence_output(
        modeling.BertConfig.from_dict(config), model.get_pooled_output(), tf.zeros([3, 1], tf.int32)
    )
    tf.train.get_or_create_global_step()
    optimization.create_optimizer(loss + tf.reduce_sum(fetched["masked_lm"]), 1e-4, 10, 1, False)
    return {**fetched, "next_sentence": scores}


def masked_lm(tf: Any, config: Any, fed: Any, model: Any) -> dict[str, Any]:
    """Logits at every position."""
    from bert import modeling, run_pretraining

    places = tf.tile(tf.range(12)[None], [3, 1])
    run_pretraining.get_masked_lm_output(
        modeling.BertConfig.from_dict(config),
        model.get_sequence_output(),
        model.get_embedding_table(),
        places,
        tf.zeros_like(places),
        tf.ones([3, 12]),
    )
    logits = tf.get_default_graph().get_tensor_by_name("cls/predictions/BiasAdd:0")
    return {"masked_lm": tf.reshape(logits, [3, 12, -1])}


def chinese(tf: Any, config: Any, fed: Any) -> dict[str, Any]:
    """The masked-LM head alone."""
    model, fetched = bert(tf, config, fed)
    return fetched | masked_lm(tf, config, fed, model)


def classifier(tf: Any, config: Any, fed: Any) -> dict[str, Any]:
    """What run_classifier.py saves, with three labels."""
    from bert import modeling, run_classifier

    arguments = (fed["ids"], fed["mask"], fed["types"], tf.zeros([3], tf.int32), 3, False)
    _, _, logits, _ = run_classifier.create_model(modeling.BertConfig.from_dict(config), False, *arguments)
    return {"scores": logits}


def squad(tf: Any, config: Any, fed: Any) -> dict[str, Any]:
    """What run_squad.py saves."""
    from bert import modeling, run_squad

    arguments = (fed["ids"], fed["mask"], fed["types"], False)
    start, end = run_squad.create_model(modeling.BertConfig.from_dict(config), False, *arguments)
    return {"scores": tf.stack([start, end], -1)}


FIXTURES: dict[str, tuple[Any, list[str], bool, int]] = {
    "pretraining": (pretraining, LOWER, False, 1),
    "chinese": (chinese, LOWER, False, 3),
    "classifier": (classifier, CASED, True, 1),
    "squad": (squad, LOWER, False, 2),
}
"""What builds it, its vocabulary, whether that keeps case, and how many data files it has."""

if __name__ == "__main__":
    main()
