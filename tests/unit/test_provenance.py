"""What an archive says of its past, and what `inspect` shows."""

import hashlib
import json
import shutil
import zipfile

import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from handler.config import CHECKPOINT
from scripts.cli import app
from scripts.console import Failure
from scripts.conversion.convert import Source, convert
from scripts.files import provenance
from scripts.files.provenance import Provenance
from scripts.packing import inspection
from scripts.packing import pack as packer
from scripts.paths import ROOT
from tests import folders, heads

DATA = ROOT / "tests" / "data" / "tensorflow"


@pytest.fixture
def folder(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "mine")


def packed(folder, tmp_path, **settings):
    return packer.pack(folder, "a", "2.1", settings, tmp_path / "store")[0]


def test_an_archive_names_its_folder_and_the_digest_of_every_file(folder, tmp_path):
    found = inspection.inspect(packed(folder, tmp_path))
    assert found["origin"]["source"] == "mine"
    assert "revision" not in found["origin"]
    assert str(tmp_path) not in json.dumps(found)
    for file in folder.iterdir():
        assert found["origin"]["files"][file.name] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (found["model"], found["version"], found["task"]) == ("a", "2.1", "hidden-states")
    assert "explanations" in found["tasks"]
    assert "fill-mask" not in found["tasks"]
    with zipfile.ZipFile(tmp_path / "store" / "a.mar") as archive:
        for entry in found["files"]:
            data = archive.read(f"{CHECKPOINT}/{entry['name']}")
            assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])


def test_the_revision_travels_and_is_dropped_when_a_file_changed(folder, tmp_path, capsys):
    digests = provenance.digests(folder, provenance.checkpoint_files(folder))
    provenance.write(Provenance("some/model", "abc", digests), folder)
    found = inspection.inspect(packed(folder, tmp_path))["origin"]
    assert (found["source"], found["revision"]) == ("some/model", "abc")
    (folder / "added.safetensors").write_bytes(b"x")
    assert inspection.inspect(packed(folder, tmp_path))["origin"]["source"] == "some/model, changed"
    (folder / "added.safetensors").unlink()
    (folder / "tokenizer_config.json").write_text("{}")
    found = inspection.inspect(packed(folder, tmp_path))["origin"]
    assert found["source"] == "some/model, changed"
    assert "revision" not in found
    assert "tokenizer_config.json differs" in capsys.readouterr().err


def test_what_other_tools_left_is_no_part_of_it(folder):
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x.json").write_text("{}")
    (folder / "notes.md").write_text("x")
    assert {file.name for file in provenance.checkpoint_files(folder)} == {
        file.name for file in folder.iterdir() if file.suffix == ".json"
    } | {"model.safetensors"} | ({"vocab.txt"} if (folder / "vocab.txt").exists() else set())


@pytest.mark.parametrize("runtime", ["packed", "eager", "torchscript"])
def test_inspect_lists_the_tasks_a_worker_has(folder, tmp_path, runtime):
    tasks = inspection.inspect(packed(folder, tmp_path, handler={"runtime": runtime}))["tasks"]
    assert ("explanations" in tasks) == (runtime == "packed")


def test_inspect_shows_it_in_words_and_as_json(folder, tmp_path):
    file = packed(folder, tmp_path)
    words = CliRunner().invoke(app, ["inspect", "a", "--model-store", str(file.parent)])
    assert words.exit_code == 0, words.output
    assert "source       mine" in words.output
    shown = CliRunner().invoke(app, ["inspect", str(file), "--json"])
    assert shown.exit_code == 0


def test_inspect_names_what_leads_out_and_writes_no_line_of_an_archives_own(folder, tmp_path):
    file = packed(folder, tmp_path)
    assert inspection.inspect(file)["unsafe"] == []
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("../../evil\nmodel        trusted", "x")
        archive.writestr(f"{CHECKPOINT}/a\x1b[2J\nb.json", "{}")
    assert inspection.inspect(file)["unsafe"] == ["../../evil\nmodel        trusted"]
    printed = CliRunner().invoke(app, ["inspect", str(file)]).stdout
    assert "unsafe       ../../evil\\nmodel        trusted leads out of the folder" in printed
    assert "a\\x1b[2J\\nb.json" in printed
    assert not [line for line in printed.splitlines() if line.startswith("model        trusted")]
    assert "\x1b" not in printed


def test_damaged_archives_and_others(folder, tmp_path):
    file = packed(folder, tmp_path)
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        weights = archive.getinfo(f"{CHECKPOINT}/packed.safetensors")
    content[weights.header_offset + weights.file_size // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(Failure, match=r"Bad CRC-32 for file .checkpoint/"):
        inspection.inspect(file)
    file.write_bytes(bytes(content[:1000]))
    with pytest.raises(Failure, match="is damaged or no archive"):
        inspection.inspect(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(Failure, match="is damaged or no archive"):
        inspection.inspect(file)
    with pytest.raises(Failure, match=f"does not exist; archives there: {file.stem}$"):
        inspection.inspect(file.parent / "b.mar")
    with pytest.raises(Failure, match="does not exist; there are no archives there") as caught:
        inspection.inspect(tmp_path / "nowhere" / "b.mar")
    assert "scripts/bert up" in caught.value.fix


def test_the_time_of_packing_is_iso():
    assert inspection.iso("27/11/2026 05:40:44") == "2026-11-27 05:40:44"
    assert inspection.iso("yesterday") == "yesterday"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("MAR-INF/MANIFEST.json", "[]"),
        ("MAR-INF/MANIFEST.json", '{"model": null}'),
        ("model-config.yaml", ""),
        ("model-config.yaml", "a: ["),
        ("model-config.yaml", "\x01"),
        ("checkpoint/origin.json", '{"source": 5}'),
        ("checkpoint/origin.json", "5"),
        ("checkpoint/packed.safetensors", None),
        ("checkpoint/packed.safetensors", "\x02\0\0\0\0\0\0\0[]"),
    ],
)
def test_archives_with_something_else_in_a_file(folder, tmp_path, name, content):
    file = packed(folder, tmp_path)
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(tmp_path / "x.mar", "w") as other:
        for entry in archive.namelist():
            if entry != name or content is not None:
                other.writestr(entry, content if entry == name else archive.read(entry))
    with pytest.raises(Failure, match="is damaged or no archive"):
        inspection.inspect(tmp_path / "x.mar")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"source": 5}', b"\xff"])
def test_a_note_of_somebody_else_is_not_read(folder, tmp_path, capsys, content):
    (folder / "origin.json").write_bytes(content)
    assert inspection.inspect(packed(folder, tmp_path))["origin"]["source"] == "mine"
    assert "is not read" in capsys.readouterr().err


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(folder, tmp_path):
    file = folder / "config.json"
    rows = json.loads(file.read_text())["vocab_size"]
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"newword{number}" for number in range(rows)])
    tokenizer.save_pretrained(folder)
    with pytest.raises(Failure, match=f"gives 'newword.*' the id .*, the model has {rows} rows"):
        packed(folder, tmp_path)


class Code:
    def __reduce__(self):
        return print, ("this ran",)


@pytest.mark.parametrize("runtime", ["auto", "eager", "torchscript"])
@pytest.mark.parametrize("case", ["code", "module", "list", "cut", "bytes"])
def test_pickles_of_more_than_tensors_are_refused(tiny, tmp_path, case, runtime, capsys):
    import torch
    from torch import nn

    folder = folders.pickled(tiny, tmp_path / "p")
    file = folder / "pytorch_model.bin"
    weights = torch.load(file, weights_only=True)
    whole = file.read_bytes()
    {
        "code": lambda: torch.save({**weights, "x": Code()}, file),
        "module": lambda: torch.save(nn.Linear(2, 2), file),
        "list": lambda: torch.save([1, 2], file),
        "cut": lambda: file.write_bytes(whole[: len(whole) // 2]),
        "bytes": lambda: file.write_bytes(b"hello" * 99),
    }[case]()
    with pytest.raises(Failure, match=r"pytorch_model\.bin (holds more than tensors|holds other things)"):
        packed(folder, tmp_path, handler={"runtime": runtime})
    assert "this ran" not in capsys.readouterr().out
    assert not list(tmp_path.glob("store/*"))


def test_a_dense_layer_that_was_cut_off_or_is_no_number(tiny, tmp_path):

    folder = folders.sentences(tiny, tmp_path / "s", dense=("Tanh",))
    file = folder / "2_Dense" / "model.safetensors"
    weights = load_file(file)
    save_file({name: weight * float("nan") for name, weight in weights.items()}, file)
    with pytest.raises(Failure, match="NaN"):
        packed(folder, tmp_path)
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(Failure, match="does not load"):
        packed(folder, tmp_path)


def test_arguments_of_the_tokenizer_and_modules_of_others_are_refused(tiny, tmp_path):
    folder = folders.sentences(tiny, tmp_path / "s")
    file = folder / "sentence_bert_config.json"
    before = file.read_text()
    file.write_text(json.dumps(json.loads(before) | {"processing_kwargs": {"text": {"max_length": 6}}}))
    with pytest.raises(Failure, match=r"processing_kwargs of .* is not served"):
        packed(folder, tmp_path)
    file.write_text(before)
    listed = (folder / "modules.json").read_text().replace("sentence_transformers.base", "custom_st", 1)
    (folder / "modules.json").write_text(listed)
    with pytest.raises(Failure, match="which are not served"):
        packed(folder, tmp_path)
    (folder / "modules.json").write_text("[]")
    with pytest.raises(Failure, match="lists no modules"):
        packed(folder, tmp_path)


@pytest.mark.parametrize("old", [False, True])
def test_a_cross_encoder_with_several_scores_classifies(minilm, tmp_path, old):
    from sentence_transformers import CrossEncoder
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(minilm)
    plain = heads.save(
        tmp_path / "h", "Bert", "ForSequenceClassification", tokenizer, **heads.labels(["no", "maybe", "yes"])
    )
    if old:
        file = plain / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"sentence_transformers": {"version": "4.1.0"}}))
    else:
        CrossEncoder(str(plain), device="cpu").save_pretrained(str(tmp_path / "ce"))
    found = inspection.inspect(packed(plain if old else tmp_path / "ce", tmp_path))
    assert found["task"] == "text-classification"


def test_a_converted_folder_that_was_changed_says_so(tmp_path):
    convert(Source(DATA / "chinese"), tmp_path / "c")
    found = inspection.inspect(packed(tmp_path / "c", tmp_path))["origin"]
    assert found["source"] == "chinese/bert_model.ckpt"
    settings = json.loads((tmp_path / "c" / "config.json").read_text())
    (tmp_path / "c" / "config.json").write_text(json.dumps(settings | {"layer_norm_eps": 1e-6}))
    found = inspection.inspect(packed(tmp_path / "c", tmp_path))["origin"]
    assert found["source"] == "chinese/bert_model.ckpt, changed"


def test_a_dense_layer_that_is_code_is_refused(tiny, tmp_path):
    import torch

    folder = folders.sentences(tiny, tmp_path / "s", dense=("Tanh",))
    (folder / "2_Dense" / "model.safetensors").unlink()
    torch.save({"linear.weight": Code()}, folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(Failure, match="holds more than tensors"):
        packed(folder, tmp_path)
