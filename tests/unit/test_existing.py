"""`up` keeps an archive that somebody made, and does not make one again that is there."""

import json
import shutil
from zipfile import ZipFile

import pytest
import yaml

from scripts.console import Failure
from scripts.packing import existing
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests.layouts import models


@pytest.fixture
def folder(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "mine")


def settings(folder, **own):
    return packer.configure(checkpoints.read(folder), own)


def packed(folder, tmp_path, **own):
    return packer.pack(folder, "bert", "1.0", own, tmp_path / "store")[0]


def test_the_same_again_is_not_packed_again(folder, tmp_path):
    assert not existing.is_current(tmp_path / "store" / "bert.mar", folder, settings(folder), "1.0")
    assert existing.is_current(packed(folder, tmp_path), folder, settings(folder), "1.0")


@pytest.mark.parametrize(("family", "key"), [("fnet", "equal_lengths"), ("funnel", "min_length")])
def test_what_packing_measures_is_no_setting_of_the_archives_own(tmp_path, family, key):
    models.save(tmp_path / "mine", family)
    wanted, archive = settings(tmp_path / "mine"), packed(tmp_path / "mine", tmp_path)
    with ZipFile(archive) as content:
        written = yaml.safe_load(content.read("model-config.yaml"))["handler"][key]
    assert written != getattr(wanted.handler, key)
    assert existing.is_current(archive, tmp_path / "mine", wanted, "1.0")


def test_a_ranking_head_that_was_left_out_is_no_setting_either(folder, tmp_path):
    file = folder / "config.json"
    said = {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "a"}, "label2id": {"a": 0}}
    file.write_text(json.dumps(json.loads(file.read_text()) | said))
    own = {"handler": {"task": "embedding"}}
    wanted, archive = settings(folder, **own), packed(folder, tmp_path, **own)
    assert wanted.handler.rerank
    assert existing.is_current(archive, folder, wanted, "1.0")


def test_other_code_is_packed_again(folder, tmp_path):
    archive = packed(folder, tmp_path)
    with pytest.warns(UserWarning, match="Duplicate name"), ZipFile(archive, "a") as content:
        content.writestr("handler/pipeline.py", "older")
    assert not existing.is_current(archive, folder, settings(folder), "1.0")


@pytest.mark.parametrize(
    ("own", "version", "change", "words"),
    [
        ({"batchSize": 3}, "1.0", None, "has settings or a version of its own"),
        ({}, "2.0", None, "has settings or a version of its own"),
        ({}, "1.0", "config.json", "was packed from another checkpoint, mine"),
    ],
)
def test_what_somebody_made_is_not_overwritten(folder, tmp_path, own, version, change, words):
    archive = packed(folder, tmp_path, **own)
    wanted = settings(folder)
    if change:
        (folder / change).write_text((folder / change).read_text() + " ")
    with pytest.raises(Failure, match=words) as caught:
        existing.is_current(archive, folder, wanted, version)
    assert "scripts/bert start bert serves it as it is" in caught.value.fix


def test_damage_is_said(folder, tmp_path):
    (tmp_path / "bert.mar").write_bytes(b"no archive")
    with pytest.raises(Failure, match="damaged"):
        existing.is_current(tmp_path / "bert.mar", folder, settings(folder), "1.0")
