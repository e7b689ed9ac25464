"""What a checkpoint's own files say: refused with the file and what helps, and modules that lie elsewhere."""

import json
import shutil

import pytest
from sentence_transformers import SentenceTransformer

from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests import folders

FILE = "config_sentence_transformers.json"


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    return folders.sentences(tiny, tmp_path_factory.mktemp("sentences") / "whole")


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "folder")


def edit(file, **keys):
    file.write_text(json.dumps((json.loads(file.read_text()) if file.exists() else {}) | keys))


def settings(folder, **handler):
    return packer.configure(checkpoints.read(folder), {"handler": handler}).handler


@pytest.mark.parametrize(
    ("name", "key", "bad", "good", "option"),
    [
        *(("sentence_bert_config.json", "max_seq_length", bad, 4, {"max_length": 8}) for bad in (-1, 1, 2, 3)),
        *(("tokenizer_config.json", "model_max_length", bad, 4, {"max_length": 8}) for bad in (-1, 3)),
        *((FILE, "truncate_dim", bad, None, {"dimensions": 8}) for bad in (0, -4)),
        *((FILE, "default_prompt_name", bad, None, {"default_prompt": "query"}) for bad in ("nonesuch", "")),
    ],
)
def test_the_file_is_named_and_either_remedy_helps(folder, name, key, bad, good, option):
    edit(folder / name, **{key: bad})
    with pytest.raises(Failure) as caught:
        settings(folder)
    assert caught.value.what.startswith(f"{key} of {folder / name}")
    assert str(bad) in caught.value.what
    assert f"handler.{next(iter(option))} in a file for --config" in caught.value.fix
    assert getattr(settings(folder, **option), *option) == option[next(iter(option))]
    edit(folder / name, **{key: good})
    assert settings(folder).task == "embedding"


def test_a_model_with_too_few_positions(folder):
    edit(folder / "config.json", max_position_embeddings=3)
    with pytest.raises(
        Failure, match=r"max_position_embeddings of .*config\.json makes sequences of 3 tokens"
    ) as caught:
        settings(folder)
    assert "--config" not in caught.value.fix


def test_more_dimensions_than_there_are_are_all(folder):
    edit(folder / FILE, truncate_dim=33)
    assert settings(folder).dimensions is None
    assert SentenceTransformer(str(folder), device="cpu").encode("hello").shape == (32,)
    edit(folder / FILE, truncate_dim=31)
    assert settings(folder).dimensions == 31


@pytest.mark.parametrize("how", ["up", "absolute", "inner", "link"])
def test_modules_outside_of_the_folder_are_refused(folder, tmp_path, how):
    shutil.move(folder / "1_Pooling", tmp_path / "elsewhere")
    paths = {"up": "../elsewhere", "absolute": str(tmp_path / "elsewhere"), "inner": "x/../1_Pooling"}
    if how == "link":
        (folder / "1_Pooling").symlink_to(tmp_path / "elsewhere")
    listed = json.loads((folder / "modules.json").read_text())
    listed[1]["path"] = paths.get(how, "1_Pooling")
    (folder / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(Failure) as caught:
        checkpoints.read(folder)
    assert ("is a link to" if how == "link" else "is no path below") in caught.value.what
    if how in paths:
        with pytest.raises(ValueError, match="Invalid model path"):
            SentenceTransformer(str(folder), device="cpu")


def test_files_that_are_links_as_in_the_hubs_cache_are_read(folder, tmp_path):
    shutil.move(folder / "1_Pooling" / "config.json", tmp_path / "blob")
    (folder / "1_Pooling" / "config.json").symlink_to(tmp_path / "blob")
    assert checkpoints.read(folder).pooling == "mean"


def test_parts_of_weights_outside_of_the_folder_are_refused(tiny, tmp_path):
    folder = folders.sharded(tiny, tmp_path / "sharded")
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text().replace('"model-00001', '"../model-00001'))
    with pytest.raises(Failure, match=r"has weights in '\.\./model-00001") as caught:
        checkpoints.read(folder)
    assert "copy the file into the folder" in caught.value.fix


@pytest.mark.parametrize(
    ("pooling", "found"),
    [
        ({}, "mean"),
        ({"pooling_mode_mean_tokens": False}, "mean"),
        ({"pooling_mode_cls_token": 1}, "cls"),
        ({"pooling_mode": "max", "pooling_mode_mean_tokens": True}, "max"),
        ({"pooling_mode": "pooler"}, None),
        ({"pooling_mode": []}, None),
        ({"pooling_mode_pooler_tokens": True}, None),
    ],
)
def test_poolings_are_those_of_sentence_transformers(folder, pooling, found):
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 32} | pooling))
    if found:
        assert checkpoints.read(folder).pooling == found
        assert SentenceTransformer(str(folder), device="cpu")[1].pooling_mode == found
        return
    with pytest.raises(Failure, match=r"1_Pooling/config\.json pools by .*, which is not served"):
        checkpoints.read(folder)
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        SentenceTransformer(str(folder), device="cpu").encode("hello")
