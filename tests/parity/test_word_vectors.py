"""`word-vectors` against numpy on the checkpoint's own file, and against gensim's formula.

`KeyedVectors.get_mean_vector(pre_normalize=True, post_normalize=True)` and `most_similar` of gensim 4, written anew
from https://radimrehurek.com/gensim/models/keyedvectors.html.
"""

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer, RobertaConfig, RobertaModel, RobertaTokenizerFast

from handler import loading
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests.asking import ask

WORDS = ["king", "Queen", "unbelievably", "New York"]
ANALOGY = {"positive": ["king", "woman"], "negative": ["man"]}


def table(folder):
    return load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]


def unit(vector):
    return vector / np.linalg.norm(vector)


def most_similar(rows, vector, own, banned, top_k):
    """gensim's `most_similar`, where own and banned ids are keys of the input."""
    cosines = rows @ unit(vector) / np.maximum(np.linalg.norm(rows, axis=1), 1e-9)  # RoBERTa's padding is zeros
    return [(int(id), cosines[id]) for id in np.argsort(-cosines, kind="stable") if id not in {*own, *banned}][:top_k]


def check(found, wanted):
    assert [near["id"] for near in found["neighbours"]] == [id for id, _ in wanted]
    assert [near["score"] for near in found["neighbours"]] == pytest.approx([score for _, score in wanted], abs=1e-6)


def compare(pipeline, folder, tokenizer, space=""):
    """Lookup, cosines, neighbours and an analogy."""
    rows = table(folder)
    ids = {
        word: tokenizer(space + word, add_special_tokens=False)["input_ids"]
        for word in [*WORDS, *ANALOGY["positive"], *ANALOGY["negative"]]
    }
    banned = set(tokenizer.all_special_ids)
    banned |= {id for name, id in tokenizer.get_vocab().items() if name.startswith("[unused")}
    body = {"task": "word-vectors", "inputs": [*WORDS, ANALOGY], "cosines": True, "top_k": 10}
    *words, analogy = ask(pipeline, body)
    means = {word: rows[found].mean(0) for word, found in ids.items()}
    sums = sum(unit(means[word]) for word in ANALOGY["positive"]) - unit(means["man"])
    vectors = np.stack([*(means[word] for word in WORDS), unit(sums)])
    for word, found in zip(WORDS, words, strict=True):
        assert found["tokens"] == tokenizer.convert_ids_to_tokens(ids[word])
        if len(ids[word]) == 1:
            assert np.array_equal(np.array(found["vector"], dtype=np.float32), rows[ids[word][0]])
        check(found, most_similar(rows, means[word], ids[word], banned, 10))
    answers = [*words, analogy]
    assert np.abs(np.array([found["vector"] for found in answers]) - vectors).max() < 1e-6
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(np.array([found["cosines"] for found in answers]) - units @ units.T).max() < 1e-6
    own = [id for word in ("king", "woman", "man") for id in ids[word]]
    check(analogy, most_similar(rows, sums, own, banned, 10))
    return analogy


def test_every_runtime_has_the_checkpoints_rows(make, load, family, runtime, tokenizer):
    folder = make(family, "Model")
    compare(load(folder, runtime), folder, tokenizer)


def test_the_default_model_knows_the_queen(minilm, load, tokenizer):
    analogy = compare(load(minilm, "onnx"), minilm, tokenizer)
    assert analogy["neighbours"][0]["token"] == "queen"


def test_int8_keeps_the_table(tiny, tmp_path):
    packer.stage(checkpoints.read(tiny), tmp_path, "onnx", "int8")
    handler = {"task": "embedding", "max_length": 40, "runtime": "onnx", "dtype": "int8"}
    ours = loading.load(tmp_path, "bert", "1.0", {"handler": handler}, None, lambda *_: None)
    (cat,) = ask(ours, {"task": "word-vectors", "inputs": "cat"})
    assert np.array_equal(
        np.array(cat["vector"], dtype=np.float32), table(tiny)[ours.tokenizer.backend.token_to_id("cat")]
    )


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory):
    """A RoBERTa with its kind of vocabulary, in which `king` and ` king` are two tokens."""
    folder = tmp_path_factory.mktemp("byte-level")
    bpe = ByteLevelBPETokenizer()
    text = ["king the king and the queen, a woman or a man in New York", "king Queen York"] * 50
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe.train_from_iterator(text, vocab_size=400, min_frequency=2, special_tokens=special, show_progress=False)
    bpe.save_model(str(folder))
    tokenizer = RobertaTokenizerFast(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64
    )
    RobertaModel(config).save_pretrained(folder)
    return folder


def test_a_word_is_what_it_is_inside_a_sentence(byte_level, load):
    ours = load(byte_level, "packed")
    compare(ours, byte_level, AutoTokenizer.from_pretrained(byte_level), space=" ")
    for word in ("king", " king", "king "):
        (found,) = ask(ours, {"task": "word-vectors", "inputs": word})
        assert found["tokens"] == ["Ġking"]
