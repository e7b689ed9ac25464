"""Folders that are no checkpoint yet: what is said of each, and that what is advised makes it one."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from scripts.sources import damage, pull
from tests import folders
from tests.advice import packable, refused, run


@pytest.fixture
def folder(tiny, tmp_path):
    """A copy that a test may change; spaces and quotes are for the commands."""
    return shutil.copytree(tiny, tmp_path / "it's mine")


def test_a_folder_without_a_configuration_says_what_it_holds(folder):
    (folder / "config.json").unlink()
    (folder / "notes").mkdir()
    found = refused(folder)
    assert "has no config.json; it holds model.safetensors, notes/, " in found.what
    shutil.rmtree(folder)
    folder.mkdir()
    assert refused(folder).what.endswith("it holds nothing")


@pytest.mark.parametrize("inner", ["checkpoint-1000", "mine", "snapshots/0a1b", "models--me--mine/snapshots/0a1b"])
def test_a_checkpoint_further_down_is_named(tiny, tmp_path, inner):
    root = tmp_path / "out"
    shutil.copytree(tiny, root / inner)
    if "checkpoint" in inner:
        shutil.copytree(tiny, root / "checkpoint-500")
        (root / "runs").mkdir()
    (root / "1_Pooling").mkdir()
    (root / "1_Pooling" / "config.json").write_text("{}")
    found = refused(root)
    assert str(root / inner) in found.what
    assert checkpoints.read(packable(found.fix)).task == "hidden-states"


VARIANTS = {
    "model.safetensors": "model.fp16.safetensors",
    "pytorch_model.bin": "pytorch_model.fp16.bin",
    "model.safetensors.index.json": "model.safetensors.index.fp16.json",
}


@pytest.mark.parametrize("name", VARIANTS)
def test_several_variants_are_left_to_choose_from(tiny, tmp_path, name):
    make = {"model.safetensors": shutil.copytree, "pytorch_model.bin": folders.pickled}.get(name, folders.sharded)
    folder = make(tiny, tmp_path / "x y")
    shutil.copy(folder / name, folder / VARIANTS[name].replace("fp16", "bf16"))
    (folder / name).rename(folder / VARIANTS[name])
    found = refused(folder)
    assert "has no weights for transformers: it has a variant of them" in found.what
    run(found.fix)
    assert checkpoints.read(folder).weights


def test_weights_by_another_name(folder):
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    found = refused(folder)
    assert "it has" in found.what
    run(found.fix.removeprefix("if these are all of them: "))
    assert checkpoints.read(folder).weights


@pytest.mark.parametrize(
    ("name", "words", "fix"),
    [
        ("model-00001-of-00002.safetensors", "a part of them, and no index", ".index.json"),
        ("model.onnx", "exported for ONNX Runtime", "scripts/bert pull some/model"),
        ("onnx/model.onnx", "exported for ONNX Runtime", "scripts/bert pull some/model"),
        ("openvino/openvino_model.xml", "exported for OpenVINO", "scripts/bert pull some/model"),
        ("model-q8_0.gguf", "llama.cpp", "scripts/bert pull some/model"),
        ("tf_model.h5", "for TensorFlow", "import load_tf2_checkpoint_in_pytorch_model as load"),
        ("flax_model.msgpack", "for Flax", "import load_flax_checkpoint_in_pytorch_model as load"),
        ("bert_model.ckpt.index", "for TensorFlow 1", "scripts/bert convert "),
    ],
)
def test_weights_of_other_libraries_are_named(folder, name, words, fix):
    (folder / "model.safetensors").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"_name_or_path": "some/model"}))
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    found = refused(folder)
    assert words in found.what
    assert str(folder / name) in found.what
    assert fix in found.fix


def test_a_gliner_is_named(folder):
    (folder / "config.json").rename(folder / "gliner_config.json")
    found = refused(folder)
    assert "has no config.json: it is a GLiNER, whose head over spans" in found.what
    assert "token-classification" in found.fix


def test_a_file_instead_of_a_folder(folder, tmp_path):
    weights = refused(folder / "model.safetensors")
    assert weights.what.endswith("is a file: a checkpoint is a folder")
    assert str(folder.name.replace("'", "'\"'\"'")) in weights.fix
    with pytest.raises(Failure, match="is a file: a checkpoint is a folder"):
        pull.pull(str(folder / "model.safetensors"))
    assert "does not exist" in refused(tmp_path / "nowhere").what
    assert "is an archive already" in refused(shutil.copy(folder / "config.json", tmp_path / "a.mar")).what


@pytest.mark.parametrize("kind", ["zip", "gztar"])
@pytest.mark.parametrize("inside", [False, True])
def test_packed_folders(folder, tmp_path, kind, inside):
    packed = Path(shutil.make_archive(str(tmp_path / "a b"), kind, folder))
    if inside:
        shutil.rmtree(folder)
        folder.mkdir()
        packed = Path(shutil.move(packed, folder))
    found = refused(folder if inside else packed)
    if kind == "zip" and not shutil.which("unzip"):
        assert "unzip " in found.fix
        return
    if inside:
        run(found.fix)
    assert checkpoints.read(folder if inside else packable(found.fix)).weights


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"  # noqa: E501


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "pytorch_model.bin"])
def test_pointers_of_git_lfs(tiny, folder, tmp_path, monkeypatch, name):
    folder = folders.pickled(tiny, tmp_path / "p") if name.endswith("bin") else folder
    (folder / name).write_text(POINTER)
    found = refused(folder)
    assert "is a pointer of Git LFS" in found.what
    assert found.fix.startswith("copy the file itself")  # it is no clone
    (folder.parent / ".git").mkdir()
    monkeypatch.setattr(damage, "which", lambda name: None)
    assert refused(folder).fix.startswith("install git-lfs")
    monkeypatch.setattr(damage, "which", lambda name: name)
    assert run(f"printf %s {refused(folder).fix.removesuffix(' lfs pull').removeprefix('git -C ')}") == str(folder)


def test_files_that_are_empty_cut_off_or_missing(tiny, folder, tmp_path):
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(b"")
    assert refused(folder).what.endswith("is empty")
    file.write_bytes(whole[:-7])
    assert f"was cut off at {len(whole) - 7} of {len(whole)} bytes" in refused(folder).what
    for other in (whole[:100], b"hello" * 9, (2).to_bytes(8, "little") + b"[]", (2).to_bytes(8, "little") + b"\xff{"):
        file.write_bytes(other)
        assert "does not load: it has no whole header of a safetensors file" in refused(folder).what
    shards = folders.sharded(tiny, tmp_path / "shards")
    next(shards.glob("model-*.safetensors")).unlink()
    assert refused(shards).what.endswith("is missing")


def test_a_folder_without_a_tokenizer(folder, tmp_path):
    for file in ("tokenizer.json", "vocab.txt"):
        (folder / file).unlink(missing_ok=True)
    found = refused(folder)
    assert "has no tokenizer: it needs tokenizer.json, or vocab.txt" in found.what
    assert "HUB-ID" in found.fix


@pytest.mark.parametrize("name", ["sentencepiece.bpe.model", "spiece.model", "spm.model"])
def test_sentencepiece_alone(folder, monkeypatch, name):
    for file in ("tokenizer.json", "vocab.txt"):
        (folder / file).unlink(missing_ok=True)
    (folder / name).write_bytes(b"x")
    monkeypatch.setattr(checkpoints, "find_spec", lambda module: None)
    found = refused(folder)
    assert "which sentencepiece has to read" in found.what
    assert found.fix == ".venv/bin/python -m pip install sentencepiece, then the same command again"
    monkeypatch.setattr(checkpoints, "find_spec", lambda module: module)
    assert checkpoints.read(folder).weights


@pytest.mark.parametrize("name", ["BertweetTokenizer", "PhobertTokenizer", "BertJapaneseTokenizer", "CanineTokenizer"])
def test_tokenizers_in_python_alone(folder, tmp_path, name):
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name}))
    with pytest.raises(Failure, match=f"is a {name}, which transformers has in Python alone"):
        packer.pack(folder, "a", "1.0", {}, tmp_path / "store")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["base.modules.router.Router"], "Router, which are not served: queries and documents go different ways"),
        (["models.WordEmbeddings", "models.LSTM", "models.Pooling"], "WordEmbeddings, LSTM, Pooling, which"),
        (
            ["models.Transformer", "models.MultiVectorMask", "models.HierarchicalTokenPooling"],
            "vectors of tokens would differ",
        ),
        (["models.Transformer", "models.Pooling", "models.WeightedLayerPooling"], "its vectors would differ"),
    ],
)
def test_modules_that_are_not_served_are_named(tmp_path, names, words):
    listed = [{"type": f"sentence_transformers.{name}", "path": str(number)} for number, name in enumerate(names)]
    (tmp_path / "modules.json").write_text(json.dumps(listed))
    (tmp_path / "0").mkdir()
    dense = {"query_0_Transformer": "sentence_transformers.models.Transformer"}
    routes = {"types": dense, "structure": {"query": [*dense]}, "parameters": {}}
    (tmp_path / "0" / "router_config.json").write_text(json.dumps(routes))
    assert words in refused(tmp_path).what


def test_a_route_of_a_router_becomes_a_folder_of_its_own(tiny, tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding, Transformer
    from tokenizers import Tokenizer

    words = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    routes = {
        "query": [StaticEmbedding(words, embedding_dim=32)],
        "document": [Transformer(str(tiny)), Pooling(32, "mean")],
    }
    root = tmp_path / "it's two"
    SentenceTransformer(modules=[Router(routes)], device="cpu").save_pretrained(str(root))
    fix = refused(root).fix.partition(" && ")[2].partition("; the same with")[0]
    assert checkpoints.read(packable(fix)).task == "embedding"


def test_a_checkpoint_in_an_archive_is_whole(folder, tmp_path):
    archive, _ = packer.pack(folder, "a", "1.0", {}, tmp_path / "store")
    with zipfile.ZipFile(archive) as packed:
        assert json.loads(packed.read("checkpoint/notes.json")) == []
