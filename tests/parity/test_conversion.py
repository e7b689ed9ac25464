"""Converted checkpoints against what Google's own code computed from them; see `tests/data/tensorflow/write.py`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from handler.runtimes.base import Placement
from handler.runtimes.packed import Packed
from handler.types import Encoding
from scripts.console import Failure
from scripts.conversion.convert import Source, convert, dump
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints

DATA = Path(__file__).parents[1] / "data" / "tensorflow"
NAMES = ["pretraining", "chinese", "classifier", "squad"]
WITH_STATES = ["pretraining", "chinese"]
GELUS = ["erf", "tanh"]


@pytest.fixture(scope="module", params=GELUS)
def gelu(request):
    return request.param


@pytest.fixture(scope="module", params=NAMES)
def converted(request, gelu, tmp_path_factory):
    """Name, folder, and what Google's code computed."""
    folder = tmp_path_factory.mktemp(request.param) / "out"
    convert(Source(DATA / request.param, gelu=gelu), folder)
    return request.param, folder, np.load(DATA / request.param / "reference.npz")


def compute(folder, reference):
    """All outputs of the class that the folder names."""
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    model, report = getattr(transformers, architecture).from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    inputs = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}
    with torch.inference_mode():
        return model(
            **{name: torch.from_numpy(reference[key]).long() for name, key in inputs.items()}, output_hidden_states=True
        )


def test_states_and_scores_are_googles(converted, gelu):
    name, folder, reference = converted
    outputs, real = compute(folder, reference), reference["mask"].astype(bool)
    found = {
        "pretraining": lambda: {
            "hidden": outputs.hidden_states[-1],
            "masked_lm": outputs.prediction_logits,
            "next_sentence": outputs.seq_relationship_logits.log_softmax(-1),
        },
        "chinese": lambda: {"hidden": outputs.hidden_states[-1], "masked_lm": outputs.logits},
        "classifier": lambda: {"scores": outputs.logits},
        "squad": lambda: {"scores": torch.stack([outputs.start_logits, outputs.end_logits], -1)},
    }[name]()
    for key, values in found.items():
        rows = real if values.dim() == 3 else slice(None)
        assert np.abs(values.numpy() - reference[f"{key}_{gelu}"])[rows].max() < 1e-5, key
    elsewhere = {"pooled"} if name in WITH_STATES else set()
    assert set(reference) == {"ids", "mask", "types"} | {
        f"{key}_{form}" for key in {*found, *elsewhere} for form in GELUS
    }


@pytest.mark.parametrize("name", WITH_STATES)
def test_the_packed_runtime_computes_googles_states_and_pooled_output(name, gelu, tmp_path):
    folder, reference = tmp_path / "out", np.load(DATA / name / "reference.npz")
    convert(Source(DATA / name, gelu=gelu), folder)
    packer.stage(checkpoints.read(folder), tmp_path / "stage", "packed")
    runtime = Packed(tmp_path / "stage" / "checkpoint", Placement("cpu", "float32"))
    lengths = reference["mask"].sum(1)
    encodings = [
        Encoding(reference["ids"][row, :length].tolist(), reference["types"][row, :length].tolist(), [], [])
        for row, length in enumerate(lengths)
    ]
    for row, output in enumerate(runtime.run(encodings)):
        assert np.abs(output.hidden - reference[f"hidden_{gelu}"][row, : lengths[row]]).max() < 1e-5
        assert np.abs(output.pooled - reference[f"pooled_{gelu}"][row]).max() < 1e-5


def test_the_forms_of_gelu_differ_by_more_than_the_tolerance():
    reference = np.load(DATA / "chinese" / "reference.npz")
    assert np.abs(reference["hidden_erf"] - reference["hidden_tanh"]).max() > 1e-4


def test_tokens_are_googles(converted):
    name, folder, _ = converted
    expected = json.loads((DATA / name / "tokens.json").read_text())
    ours = Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs = AutoTokenizer.from_pretrained(folder)
    for text, ids in zip(expected["texts"], expected["ids"], strict=True):
        assert ours.encode(text, add_special_tokens=False).ids == ids
        assert theirs(text, add_special_tokens=False).input_ids == ids


def test_pairs_are_marked_as_transformers_marks_them(converted):
    _, folder, _ = converted
    ours = Tokenizer.from_file(str(folder / "tokenizer.json")).encode("hello", "the cat")
    theirs = AutoTokenizer.from_pretrained(folder)("hello", "the cat")
    assert (ours.ids, ours.type_ids) == (theirs.input_ids, theirs.token_type_ids)


def test_verify_says_sums_that_a_changed_weight_changes(tmp_path):
    first = convert(Source(DATA / "chinese"), tmp_path / "erf", verified=True)["verified"]
    again = convert(Source(DATA / "chinese"), tmp_path / "again", verified=True)["verified"]
    other = convert(Source(DATA / "chinese", gelu="tanh"), tmp_path / "tanh", verified=True)["verified"]
    assert first == again
    assert abs(first["absolute"] - other["absolute"]) > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_the_classic_flags_write_the_same_weights(name, tmp_path):
    from safetensors.torch import load_file

    convert(Source(DATA / name), tmp_path / "folder")
    dump(Source(DATA / name / "bert_model.ckpt"), tmp_path / "pytorch_model.bin")
    dump(Source(DATA / name / "bert_model.ckpt"), tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    old = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    new = load_file(tmp_path / "folder" / "model.safetensors")
    with pytest.raises(Failure, match="exists"):
        dump(Source(DATA / name), tmp_path / "pytorch_model.bin")
    tied = {key for key in old if key.startswith("cls.predictions.decoder")}
    assert old.keys() - tied == new.keys()
    assert all(torch.equal(old[key], new[key]) for key in new)
    config = transformers.AutoConfig.from_pretrained(tmp_path / "folder")
    model = getattr(transformers, config.architectures[0])(config)
    report = model.load_state_dict(old, strict=False)
    assert not report.missing_keys
    assert all("pooler" in key for key in report.unexpected_keys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pytorch_model.bin"]
