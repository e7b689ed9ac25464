"""Folders as authors published them with code of their own, against transformers' classes for the same weights."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from handler.runtimes import find
from handler.runtimes.base import Placement
from scripts.console import Failure
from scripts.packing import engines
from scripts.sources import checkpoint as checkpoints
from scripts.sources import published
from tests import heads
from tests.asking import ask, check
from tests.conftest import encoding

GTE = {
    "auto_map": {"AutoConfig": "configuration.NewConfig", "AutoModel": "modeling.NewModel"},
    "model_type": "new",
    "position_embedding_type": "rope",
    "layer_norm_type": "layer_norm",
    "logn_attention_scale": False,
    "rope_theta": 20000,
    "pack_qkv": True,
    "unpad_inputs": False,
}
"""Keys of gte-multilingual-base beside those that transformers has, too."""
NOMIC = {
    "auto_map": {"AutoModel": "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"},
    "activation_function": "swiglu",
    "rotary_emb_base": 500,
    "rotary_emb_fraction": 1.0,
    "n_positions": 8192,
}
TEXTS = ["the cat", "a dog sat on a mat", "hello"]


def ntk(base, factor, size):
    """Frequencies of `NTKScalingRotaryEmbedding` in GTE's code: its formula (6), of https://kexue.fm/archives/9706."""
    return torch.tensor([(base * factor) ** (-2 * pair / size) / factor ** (2 / size) for pair in range(size // 2)])


def republished(saved, folder, keys, before=""):
    """A copy with other keys in its configuration, and a prefix before the names of the encoder's tensors."""
    shutil.copytree(saved, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({key: said for key, said in {**config, **keys}.items() if said != ""})
    )
    weights = load_file(folder / "model.safetensors")
    renamed = {
        f"new.{name.removeprefix(before)}" if name.startswith(before) else name: weights[name] for name in weights
    }
    if before:
        save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    return folder


def states(folder, tmp_path):
    here = tmp_path / "packed"
    here.mkdir()
    engines.write(checkpoints.read(folder), here, "packed", "float32")
    return find("packed")(here, Placement("cpu", "float32")).run([encoding(5, 6, 7, 8, 9)])[0].hidden


@pytest.mark.parametrize("scaling", [None, {"type": "ntk", "factor": 8.0}])
def test_gte_as_its_authors_published_it(make, load, tokenizer, tmp_path, scaling):
    folder = make("Gte", "ForSequenceClassification", **heads.labels(["a", "b"]))
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    fast = ntk(20000, 8, 8) if scaling else ntk(20000, 1, 8)
    model.gte.rotary_emb.inv_freq.copy_(fast)
    keys = {"rope_scaling": scaling, "architectures": ["NewForSequenceClassification"], "rope_parameters": ""}
    ours = load(republished(folder, tmp_path / "new", GTE | keys, "gte."), "native")
    with torch.no_grad():
        theirs = [model(**tokenizer(text, return_tensors="pt")).logits[0].softmax(-1).tolist() for text in TEXTS]
    got = [{each["label"]: each["score"] for each in text} for text in ask(ours, {"inputs": TEXTS})]
    check([[each["a"], each["b"]] for each in got], theirs)


def test_what_transformers_gte_does_not_do_is_refused():
    with pytest.raises(Failure, match=r"logn_attention_scale of config.json is True; transformers' GTE has False"):
        published.gte({"model_type": "new", "logn_attention_scale": True})


def test_nomic_bert_by_the_keys_of_its_authors(make, tmp_path):
    folder = make("NomicBert", "Model", rope_parameters={"rope_type": "default", "rope_theta": 500.0})
    with torch.no_grad():
        theirs = transformers.AutoModel.from_pretrained(folder).eval()(torch.tensor([[5, 6, 7, 8, 9]]))
    config = json.loads((folder / "config.json").read_text())
    keys = {theirs: config[ours] for ours, theirs in published.NOMIC.items()}
    gone = dict.fromkeys((*published.NOMIC, "rope_parameters", "head_dim"), "")
    found = states(republished(folder, tmp_path / "nomic", NOMIC | keys | gone), tmp_path)
    assert np.abs(found - theirs.last_hidden_state[0].numpy()).max() < 1e-5


def test_a_mixture_of_experts_is_for_nobody():
    config = {"model_type": "nomic_bert", "num_experts": 8}
    assert engines.layout.unsupported_reason(config) == "num_experts is 8, which is not in transformers' NomicBERT"
