"""What an archive leaves out of its checkpoint, or does otherwise: said at `pack`, by `info` and by `inspect`."""

import json
import shutil

import orjson
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from handler import loading
from handler.types import Row
from scripts.cli import app
from scripts.packing import inspection
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests import folders, heads


@pytest.fixture
def folder(tiny, tmp_path):
    """A copy of the tiny checkpoint that a test may change."""
    return shutil.copytree(tiny, tmp_path / "mine")


@pytest.fixture
def make(minilm, tmp_path):
    """A checkpoint folder with a head."""
    from transformers import AutoTokenizer

    def made(family, head, **options):
        return heads.save(tmp_path / "head", family, head, AutoTokenizer.from_pretrained(minilm), **options)

    return made


def change(file, **keys):
    config = json.loads(file.read_text()) if file.exists() else {}
    kept = {key: value for key, value in (config | keys).items() if value is not None}
    file.write_text(json.dumps(kept))


def notes(folder, tmp_path, capsys, **settings):
    """Of an archive; the same lines stand on stderr."""
    archive, _ = packer.pack(folder, "a", "1.0", {"handler": settings}, tmp_path / "store")
    found = inspection.inspect(archive)["notes"]
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("note: ") for line in lines if line.startswith("note: ")] == found
    return found


def test_an_ordinary_checkpoint_has_none(folder, tmp_path, capsys):
    assert notes(folder, tmp_path, capsys) == []


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("pickled", [True, False])
def test_weights_in_half_precision(tiny, folder, tmp_path, capsys, dtype, pickled):
    weights = {name: weight.to(getattr(torch, dtype)) for name, weight in load_file(tiny / "model.safetensors").items()}
    if pickled:
        (folder / "model.safetensors").unlink()
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
    change(folder / "config.json", dtype=None)
    (found,) = notes(folder, tmp_path, capsys)
    assert found == f"weights are for {dtype}, and computed in float32; transformers computes them in {dtype}"


def test_a_configuration_may_say_the_precision(folder, tmp_path, capsys):
    change(folder / "config.json", dtype="bfloat16")
    (found,) = notes(folder, tmp_path, capsys)
    assert "computes them in bfloat16" in found
    assert notes(folder, tmp_path, capsys, dtype="bfloat16") == []


@pytest.mark.parametrize(
    ("family", "head", "classes"),
    [
        ("Bert", "ForSequenceClassification", ["BertForSequenceClassification", "BertForTokenClassification"]),
        ("Roberta", "ForSequenceClassification", ["RobertaForSequenceClassification"]),
        ("DistilBert", "ForQuestionAnswering", ["DistilBertForQuestionAnswering"]),
        ("Electra", "ForTokenClassification", ["ElectraForTokenClassification"]),
        ("Bert", "ForMaskedLM", ["BertForMaskedLM"]),
    ],
)
def test_a_head_that_the_configuration_does_not_name(make, tmp_path, capsys, family, head, classes):
    folder = make(family, head)
    change(folder / "config.json", architectures=None)
    (found,) = notes(folder, tmp_path, capsys)
    assert found.startswith("config.json names no architectures, so that a head is left out; ")
    assert f'with "architectures": {" or ".join(f"[{chr(34)}{name}{chr(34)}]" for name in classes)}, ' in found
    change(folder / "config.json", architectures=[f"{family}{head}"])  # the advice
    assert notes(folder, tmp_path, capsys) == []
    assert checkpoints.read(folder).head is not None


def test_distances_that_transformers_ignores(folder, tmp_path, capsys):
    change(folder / "config.json", position_embedding_type="relative_key")
    (found,) = notes(folder, tmp_path, capsys)
    assert found == "position_embedding_type relative_key is ignored, as transformers 5 does: positions are absolute"


def test_heads_that_are_not_served(make, tmp_path, capsys):
    folder = make("RoFormer", "ForMultipleChoice")
    (found, *_) = notes(folder, tmp_path, capsys, task="embedding")
    assert found.startswith("the head of RoFormerForMultipleChoice is left out: ")


def test_heads_whose_weights_are_missing(folder, tmp_path, capsys):
    change(folder / "config.json", architectures=["BertForTokenClassification"])
    (found,) = notes(folder, tmp_path, capsys, task="embedding")
    assert (
        found
        == "the head of BertForTokenClassification is left out: the weights lack classifier.bias, classifier.weight"
    )


def test_tensors_that_nothing_reads(make, tmp_path, capsys):
    folder = make("Bert", "ForPreTraining")
    (found,) = notes(folder, tmp_path, capsys)
    assert found == "2 tensors of the weights are not used, the first of them cls.seq_relationship.bias"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("embeddings.position_ids", False),
        ("cls.predictions.bias", False),
        ("classifier.weight", True),
        ("encoder.layer.7.output.dense.bias", True),
    ],
)
def test_tensors_that_mean_nothing_are_not_named(folder, tmp_path, capsys, name, said):
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, name: torch.zeros(3)}, folder / "model.safetensors", {"format": "pt"})
    found = notes(folder, tmp_path, capsys)
    assert found == ([f"1 tensors of the weights are not used, the first of them {name}"] if said else [])


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_model.bin"])
def test_files_beside_the_weights(folder, tmp_path, capsys, name):
    save_file({"x": torch.zeros(1)}, folder / name)
    (found,) = notes(folder, tmp_path, capsys)
    assert found.startswith(f"{name} is not used, ")


def test_code_of_its_own(folder, tmp_path, capsys):
    change(folder / "config.json", auto_map={"AutoModel": "modeling_x.XModel"})
    (found,) = notes(folder, tmp_path, capsys)
    assert found.startswith("auto_map in config.json names code of its own")


@pytest.mark.parametrize(
    ("normalize", "settings", "words"),
    [
        (False, {"prompts": {"query": "a ", "passage": "b "}}, "for the prompt passage send prompt_name"),
        (False, {"prompts": {"query": "a ", "document": "b ", "passage": "c "}}, ""),
        (False, {"similarity_fn_name": "dot"}, "similarity and rerank answer cosines; sentence-transformers takes dot"),
        (True, {"similarity_fn_name": "dot"}, ""),
        (True, {"similarity_fn_name": "euclidean"}, "takes euclidean"),
        (False, {"similarity_fn_name": "cosine"}, ""),
    ],
)
def test_settings_of_sentence_transformers(tiny, tmp_path, capsys, normalize, settings, words):
    folder = folders.sentences(tiny, tmp_path / "s", normalize=normalize)
    change(folder / "config_sentence_transformers.json", **settings)
    found = notes(folder, tmp_path, capsys)
    assert len(found) == bool(words)
    assert words in "".join(found)


def test_info_and_inspect_show_them(folder, tmp_path):
    change(folder / "config.json", auto_map={"AutoModel": "modeling_x.XModel"})
    packer.stage(checkpoints.read(folder), tmp_path / "archive", "packed", task="hidden-states")
    settings = {"handler": {"task": "hidden-states", "max_length": 40, "runtime": "packed"}}
    pipeline = loading.load(tmp_path / "archive", "a", "1.0", settings, None, lambda *_: None)
    (reply,) = pipeline.answer([Row({}, {}, "", "info", trusted=True)])
    (note,) = orjson.loads(reply.body)["notes"]
    archive, _ = packer.pack(folder, "a", "1.0", {}, tmp_path / "store")
    words = CliRunner().invoke(app, ["inspect", str(archive)])
    assert f"note         {note}" in words.output
