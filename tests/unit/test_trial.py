"""What `pack` runs before it packs."""

import json
import os
import shutil
import subprocess
import zipfile

import pytest
from safetensors.torch import load_file, save_file

from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.packing import trial
from scripts.paths import ROOT
from scripts.sources import checkpoint as checkpoints

MODULES = (("Transformer", ""), ("Pooling", "1_Pooling"))
SPLADE = (("MLMTransformer", ""), ("SpladePooling", "1_SpladePooling"))


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


def of_sentences(folder, names):
    modules = [
        {"name": str(number), "type": f"sentence_transformers.models.{name}", "path": path}
        for number, (name, path) in enumerate(names)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean"}')
    return modules


def test_settings_of_the_first_module(folder):
    of_sentences(folder, MODULES)
    (folder / "sentence_roberta_config.json").write_text('{"max_seq_length": 9}')
    assert checkpoints.read(folder).max_length == 9
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 8, "query_length": null}')
    assert checkpoints.read(folder).max_length == 8
    (folder / "sentence_bert_config.json").write_text('{"query_length": 4}')
    with pytest.raises(Failure, match=r"query_length of .* is 4; this is not served"):
        checkpoints.read(folder)


def test_two_modules_of_one_name(folder):
    modules = of_sentences(folder, MODULES)
    (folder / "modules.json").write_text(json.dumps([{**each, "name": "x"} for each in modules]))
    with pytest.raises(Failure, match="two modules of the name 'x'"):
        checkpoints.read(folder)


def test_words_that_are_left_out(folder):
    modules = [{"type": f"sentence_transformers.models.{name}", "path": path} for name, path in SPLADE]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_SpladePooling").mkdir()
    (folder / "1_SpladePooling" / "config.json").write_text("{}")
    for most in (None, 5):
        (folder / "config_sentence_transformers.json").write_text(json.dumps({"max_active_dims": most}))
        assert checkpoints.read(folder).active_dimensions == most
    (folder / "config_sentence_transformers.json").write_text('{"max_active_dims": 0}')
    with pytest.raises(Failure, match=r"max_active_dims of .* is 0; expected: 1 or more"):
        checkpoints.read(folder)


def test_names_of_any_bytes(folder, tmp_path):
    (folder / os.fsdecode(b"\xff\xfe\n.txt")).write_text("")
    packer.pack(folder, "tiny", "1.0", {}, tmp_path)
    with pytest.raises(Failure, match="cannot be a model's name"):
        packer.pack(folder, "a" * 101, "1.0", {}, tmp_path)


def test_the_command_takes_no_module_of_the_current_folder(tmp_path):
    (tmp_path / "yaml.py").write_text("raise SystemExit('mine')")
    (tmp_path / "y.yaml").write_text("")
    command = [ROOT / "scripts" / "bert", "pack", "x", "--config", "y.yaml"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "mine" not in result.stdout + result.stderr
    assert "failed" in result.stdout + result.stderr


def test_every_runtime_of_an_archive_is_tried(folder, tmp_path, monkeypatch):
    from handler.runtimes.onnx import Onnx
    from handler.runtimes.packed import Packed

    tried = []
    for runtime in (Onnx, Packed):
        monkeypatch.setattr(runtime, "run", watched(runtime.run, tried))
    packer.pack(folder, "tiny", "1.0", {}, tmp_path)
    assert {*tried} == {"onnx", "packed"}
    tried.clear()
    packer.pack(folder, "tiny", "1.0", {"handler": {"runtime": "native"}}, tmp_path)
    assert not tried


def watched(run, tried):
    def watching(self, encodings):
        tried.append(self.name)
        return run(self, encodings)

    return watching


def doubled(runtime, encodings):
    return [type(output)(2 * output.hidden, output.pooled) for output in runtime.right(encodings)]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda *_: 1 / 0, "runs on native, and not on onnx"),
        (doubled, r"states of onnx are \S+ standard deviations off"),
    ],
)
def test_a_runtime_that_differs_keeps_an_archive_out_of_the_store(folder, tmp_path, monkeypatch, broken, words):
    from handler.runtimes.onnx import Onnx

    monkeypatch.setattr(Onnx, "right", Onnx.run, raising=False)
    monkeypatch.setattr(Onnx, "run", broken)
    with pytest.raises(Failure, match=words) as caught:
        packer.pack(folder, "tiny", "1.0", {}, tmp_path / "store")
    assert "--runtime native" in caught.value.fix
    assert not list((tmp_path / "store").iterdir())


@pytest.mark.parametrize("runtime", ["auto", "eager"])
def test_the_pooler_of_weights_that_have_none_is_refused(folder, tmp_path, runtime):
    weights = load_file(folder / "model.safetensors")
    settings = {"handler": {"pooling": "pooler", "runtime": runtime}}
    packer.pack(folder, "tiny", "1.0", settings, tmp_path)
    left = {name: each for name, each in weights.items() if not name.startswith("pooler.")}
    assert len(left) == len(weights) - 2
    save_file(left, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(Failure, match=r"handler\.pooling is pooler, and the weights of \S+ have no pooler") as caught:
        packer.pack(folder, "other", "1.0", settings, tmp_path)
    assert caught.value.fix == "set it to mean in the file for --config, or leave it out"
    packer.pack(folder, "other", "1.0", {"handler": {"runtime": runtime}}, tmp_path)


def test_a_check_says_what_the_archive_answered(folder, tmp_path, monkeypatch):
    weights = load_file(folder / "model.safetensors")
    left = {name: each for name, each in weights.items() if not name.startswith("pooler.")}
    save_file(left, folder / "model.safetensors", {"format": "pt"})
    monkeypatch.setattr(trial, "runs_here", lambda _: False)  # as of an archive for another machine
    with pytest.raises(Failure, match="does not answer") as caught:
        packer.pack(folder, "tiny", "1.0", {"handler": {"pooling": "pooler"}}, tmp_path, checked=True)
    assert caught.value.why.splitlines()[-1].startswith("status 422: ")
    assert "this checkpoint has no pooler" in caught.value.why
    assert "METRICS" not in caught.value.why
