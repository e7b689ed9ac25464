"""Weights under a variant's name: the archive's states against transformers' with the same `variant`."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from scripts.packing import export
from scripts.sources import checkpoint as checkpoints
from tests import folders
from tests.hostile import laid_out

NAMES = {
    "model.safetensors": "model.fp16.safetensors",
    "pytorch_model.bin": "pytorch_model.fp16.bin",
    "model.safetensors.index.json": "model.safetensors.index.fp16.json",
}
MAKE = {"model.safetensors": shutil.copytree, "pytorch_model.bin": folders.pickled}


@pytest.mark.parametrize("runtime", ["auto", "eager", "torchscript"])
@pytest.mark.parametrize("name", NAMES)
def test_a_variant_alone_is_served_as_transformers_reads_it(tiny, tmp_path, name, runtime):
    folder = MAKE.get(name, folders.sharded)(tiny, tmp_path / "folder")
    (folder / name).rename(folder / NAMES[name])
    model = AutoModel.from_pretrained(folder, variant="fp16", dtype=torch.float32)
    with pytest.raises(OSError, match="no file named"):
        AutoModel.from_pretrained(folder)
    assert NAMES[name] in {file.name for file in checkpoints.read(folder).weights}
    pipeline = laid_out.load(folder, tmp_path / "stage", runtime=runtime)
    encoding = pipeline.tokenizer.add_special_tokens([5, 6, 7])
    want = model(torch.tensor([encoding.ids])).last_hidden_state[0].detach().numpy()
    assert np.abs(pipeline.runtime.run([encoding])[0].hidden - want).max() < 1e-5
    (note,) = pipeline.tasks["info"].model.notes
    assert note == f'weights are {NAMES[name]}, which transformers reads with variant="fp16"'


def test_half_precision_and_an_export(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "folder")
    weights = {name: each.half() for name, each in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / NAMES["model.safetensors"], {"format": "pt"})
    (folder / "model.safetensors").unlink()
    assert export.export(folder, tmp_path / "onnx", "onnx", "float32").hidden < 1e-4
    found = laid_out.load(folder, tmp_path / "stage").tasks["info"].model.notes
    assert [each.partition(",")[0] for each in found] == [
        "weights are model.fp16.safetensors",
        "weights are for float16",
    ]


def test_plain_names_come_first(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "folder")
    (folder / NAMES["model.safetensors"]).write_bytes(b"x")
    assert checkpoints.read(folder).variant is None


def test_an_export_of_a_model_in_a_folder_of_its_own(tiny, tmp_path):
    folder = folders.old_layout(folders.sentences(tiny, tmp_path / "folder"))
    assert export.export(folder, tmp_path / "onnx", "onnx", "float32").hidden < 1e-4
    assert (tmp_path / "onnx" / "config.json").exists()
