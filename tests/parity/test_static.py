"""Static embeddings, of sentence-transformers' own folders and of Model2Vec's, against sentence-transformers."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, StaticEmbedding
from sentence_transformers.util import cos_sim
from tokenizers import Tokenizer

from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests.parity.sentences import TEXTS, ask, close, load

WIDTH = 16


def words(tiny):
    return Tokenizer.from_file(str(tiny / "tokenizer.json"))


def size(tokenizer):
    return max(tokenizer.get_vocab().values()) + 1


def save(tiny, folder, *further, cut=None):
    torch.manual_seed(0)
    tokenizer = words(tiny)
    if cut:
        tokenizer.enable_truncation(cut)
    module = StaticEmbedding(tokenizer, embedding_weights=torch.randn(size(tokenizer), WIDTH))
    SentenceTransformer(modules=[module, *further], device="cpu").save(str(folder))
    return SentenceTransformer(str(folder), device="cpu")


def model2vec(tiny, folder, **changes):
    """As `StaticModel.save_pretrained` of model2vec 0.10 writes it, with fewer rows than tokens."""
    tokens = size(words(tiny))
    numbers = np.random.default_rng(0)
    tensors = {
        "embeddings": torch.from_numpy(numbers.normal(size=(7, WIDTH)).astype(np.float32)),
        "mapping": torch.from_numpy(numbers.integers(0, 7, tokens)),
        "weights": torch.from_numpy(numbers.uniform(0.1, 2, tokens)),
    }
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    shutil.copy(tiny / "tokenizer.json", folder)
    config = {"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True, **changes}
    (folder / "config.json").write_text(json.dumps(config))
    classes = "sentence_transformers.models."
    modules = [
        {"idx": 0, "name": "0", "path": ".", "type": f"{classes}StaticEmbedding"},
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": f"{classes}Normalize"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    return SentenceTransformer(str(folder), device="cpu")


def test_folders_of_sentence_transformers(tiny, tmp_path):
    theirs = save(tiny, tmp_path / "s", Dense(WIDTH, 9), Normalize(), cut=11)
    pipeline = load(tmp_path / "s", tmp_path, "auto")
    vectors = theirs.encode(TEXTS)
    assert close(ask(pipeline, {"inputs": TEXTS}), vectors)
    about = ask(pipeline, {}, path="info")
    assert (about["runtime"], about["dimensions"], about["limits"]["max_length"]) == ("static", 9, 11)
    cosines = ask(pipeline, {"source": TEXTS[0], "sentences": TEXTS[1:]}, path="similarity")
    assert close(cosines, cos_sim(vectors[0], vectors[1:])[0].numpy())
    alone = [ask(pipeline, {"inputs": text})[0] for text in TEXTS]
    assert close(alone, vectors)


def test_a_text_of_any_length_is_read_to_its_end(tiny, tmp_path):
    theirs = save(tiny, tmp_path / "s")
    long = "the mat , sat . " * 4000 + "hello"
    assert close(ask(load(tmp_path / "s", tmp_path, "auto"), {"inputs": long})[0], theirs.encode(long))


@pytest.mark.parametrize("listed", [True, False])
def test_folders_of_model2vec(tiny, tmp_path, listed):
    vectors = model2vec(tiny, tmp_path / "m").encode(TEXTS)
    if not listed:  # as its first versions wrote them
        (tmp_path / "m" / "modules.json").unlink()
    assert close(ask(load(tmp_path / "m", tmp_path, "auto"), {"inputs": TEXTS}), vectors)


def test_weights_in_half_precision(tiny, tmp_path):
    model2vec(tiny, tmp_path / "m")
    file = tmp_path / "m" / "model.safetensors"
    save_file(load_file(file) | {"embeddings": load_file(file)["embeddings"].half()}, file)
    theirs = SentenceTransformer(str(tmp_path / "m"), device="cpu", model_kwargs={"dtype": torch.float32})
    assert close(ask(load(tmp_path / "m", tmp_path, "auto"), {"inputs": TEXTS}), theirs.encode(TEXTS))


def test_on_a_device(tiny, tmp_path):
    theirs = save(tiny, tmp_path / "s")
    pipeline = load(tmp_path / "s", tmp_path, "auto")
    pipeline.runtime.outputs_on_device = True  # the CPU in a GPU's place
    assert close(ask(pipeline, {"inputs": TEXTS}), theirs.encode(TEXTS))


def test_through_the_packer(tiny, tmp_path):
    save(tiny, tmp_path / "s")
    _, report = packer.pack(tmp_path / "s", "static", "1.0", {}, tmp_path / "store", checked=True)
    assert report["status"] == 200


def test_what_is_no_table_is_refused(tiny, tmp_path):
    model2vec(tiny, tmp_path / "m")
    save_file({"other": torch.zeros(2, 2)}, tmp_path / "m" / "model.safetensors")
    with pytest.raises(Failure, match=r"holds other, and no table of embedding\.weight or embeddings"):
        checkpoints.read(tmp_path / "m")


@pytest.mark.parametrize("runtime", ["native", "eager"])
def test_runtimes_with_layers_are_refused(tiny, tmp_path, runtime):
    save(tiny, tmp_path / "s")
    with pytest.raises(Failure, match=f"runtime {runtime} cannot run .*: its model is a table without layers"):
        load(tmp_path / "s", tmp_path, runtime)
    with pytest.raises(Failure, match=r"runtime static cannot run .*: its model has layers"):
        load(tiny, tmp_path, "static")
