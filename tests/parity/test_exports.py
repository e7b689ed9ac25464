"""Exported models, run without any code of the handler, against the checkpoint they were made from."""

import inspect

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import AutoModel

from scripts.console import Failure
from scripts.packing.export import export

SHAPES = [(1, 1), (1, 9), (3, 5), (2, 40)]


@pytest.fixture(scope="module", params=["tiny", "minilm", "tiny_roberta", "tiny_distilbert"])
def folder(request):
    return request.getfixturevalue(request.param)


def batch(model, shape):
    """Random ids with the last row half padded."""
    generator = np.random.default_rng(0)
    pad = model.config.pad_token_id or 0
    ids = generator.integers(pad + 1, model.config.vocab_size, shape)
    mask = np.ones(shape, dtype=np.int64)
    mask[-1, (shape[1] + 1) // 2 :] = 0
    ids[mask == 0] = pad
    return {"input_ids": ids, "token_type_ids": np.zeros_like(ids), "attention_mask": mask}


def reference(model, inputs):
    taken = inspect.signature(model.forward).parameters
    kept = {name: value for name, value in inputs.items() if name in taken}
    with torch.no_grad():
        return model(**{name: torch.from_numpy(value) for name, value in kept.items()})


def compare(run, folder):
    """The largest difference at real positions, and of the pooled output where there is one."""
    model = AutoModel.from_pretrained(folder).eval()
    found = 0.0
    for shape in SHAPES:
        inputs = batch(model, shape)
        want = reference(model, inputs)
        hidden, *pooled = run(inputs)
        real = inputs["attention_mask"] == 1
        found = max(found, float(np.abs(hidden[real] - want.last_hidden_state.numpy()[real]).max()))
        assert bool(pooled) == ("pooler_output" in want)
        for ours in pooled:
            found = max(found, float(np.abs(ours - want.pooler_output.numpy()).max()))
    return found


def test_onnx_in_a_plain_session(folder, tmp_path):
    measured = export(folder, tmp_path / "out", "onnx", "float32")
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx", providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    found = compare(lambda inputs: session.run(None, {name: inputs[name] for name in names}), folder)
    assert 0 < max(measured.hidden, measured.pooled or 0, found) < 1e-5
    assert (measured.pooled is None) == (folder.name == "distilbert")
    assert not list(tmp_path.glob(".*"))
    assert not (tmp_path / "out" / "prepacked.onnx").exists()


def test_torchscript_by_torch_alone(folder, tmp_path):
    measured = export(folder, tmp_path / "out", "torchscript", "float32")
    model = torch.jit.load(tmp_path / "out" / "model.pt")

    def run(inputs):
        with torch.no_grad():
            return [part.numpy() for part in model(**{name: torch.from_numpy(value) for name, value in inputs.items()})]

    assert max(measured.hidden, measured.pooled or 0, compare(run, folder)) < 1e-5


def test_int8_says_how_far_it_is(minilm, tmp_path):
    measured = export(minilm, tmp_path / "out", "onnx", "int8")
    assert 1e-3 < measured.hidden < 1
    assert 0.98 < measured.cosine < 1


def test_a_failed_export_leaves_nothing(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.packing.export.TOLERANCE", 0.0)
    with pytest.raises(Failure, match="the export is off"):
        export(tiny, tmp_path / "out", "onnx", "float32")
    assert not list(tmp_path.iterdir())


def test_a_target_that_exists_is_kept(tiny, tmp_path):
    with pytest.raises(Failure, match="exists"):
        export(tiny, tmp_path, "onnx", "float32")
