"""What `pack` runs before it packs."""

import json
import shutil
import zipfile

import pytest

from scripts.console import Failure
from scripts.packing import pack as packer

MODULES = (("Transformer", ""), ("Pooling", "1_Pooling"))


@pytest.fixture
def folder(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "model")


@pytest.mark.parametrize("runtime", ["auto", "onnx", "native"])
def test_an_archive_holds_nothing_that_a_worker_made_for_its_cpu(folder, tmp_path, runtime):
    archive, _ = packer.pack(folder, "tiny", "1.0", {"handler": {"runtime": runtime}}, tmp_path)
    with zipfile.ZipFile(archive) as file:
        names = {name.rsplit("/", 1)[-1] for name in file.namelist()}
    assert {"packed.safetensors"} < names
    assert not [name for name in names if name.startswith("prepacked") or name.endswith(".npy")]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"num_attention_heads": -1}, "num_attention_heads of config.json is -1; expected: 1 or more"),
        ({"num_attention_heads": 3}, "is no multiple of num_attention_heads 3"),
        ({"num_hidden_layers": 0}, "num_hidden_layers of config.json is 0; expected: 1 or more"),
    ],
)
def test_sizes_that_no_encoder_has(folder, tmp_path, keys, words):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | keys))
    with pytest.raises(Failure, match=words):
        packer.pack(folder, "tiny", "1.0", {}, tmp_path)


def test_a_folder_that_says_it_is_of_another_kind(folder, tmp_path):
    modules = [{"type": f"sentence_transformers.models.{name}", "path": path} for name, path in MODULES]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean"}')
    kind = folder / "config_sentence_transformers.json"
    kind.write_text('{"model_type": "SentenceTransformer"}')
    packer.pack(folder, "tiny", "1.0", {}, tmp_path)
    kind.write_text('{"model_type": "BERT"}')
    with pytest.raises(Failure, match=r"has the modules of a SentenceTransformer, and .* says 'BERT'"):
        packer.pack(folder, "tiny", "1.0", {}, tmp_path)
