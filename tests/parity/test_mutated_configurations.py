"""What mutated configurations taught, and the small part of `python -m tests.hostile.configurations`."""

import json
import shutil
import subprocess
import sys
from random import Random

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from scripts.console import Failure
from scripts.paths import ROOT
from scripts.sources import checkpoint as checkpoints
from tests import folders, heads
from tests.asking import ask, check
from tests.hostile import laid_out
from tests.hostile.configurations import mutations
from tests.hostile.configurations.answers import difference


def test_mutated_folders_are_answered_as_by_the_reference_or_refused():
    command = [sys.executable, "-m", "tests.hostile.configurations", "--count", "10", "--archives", "0"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert "| base | equal | refused | STRICT | LENIENT | FAULT |" in result.stdout


def test_mutations_come_from_their_seed_and_change_files(tiny, tmp_path):
    made = []
    for name in ("one", "two"):
        folder = shutil.copytree(tiny, tmp_path / name)
        made.append((mutations.mutate(folder, Random(3)), {file.name: file.read_bytes() for file in folder.iterdir()}))
    assert made[0] == made[1]
    assert made[0][1] != {file.name: file.read_bytes() for file in tiny.iterdir()}


def test_another_number_or_shape_is_a_difference():
    assert difference([[1.0, "a"]], [[1.0, "b"]])
    assert difference([1.0], [1.0001])
    assert difference([1.0], [1.0, 1.0])
    assert not difference([1.0, "a"], [1.000001, "a"])


def test_distilbert_has_one_epsilon_whatever_its_configuration_says(tmp_path, tokenizer):
    folder = heads.save(tmp_path / "model", "DistilBert", "Model", tokenizer, layer_norm_eps=0.5)
    assert json.loads((folder / "config.json").read_text())["layer_norm_eps"] == 0.5
    with torch.no_grad():
        read = AutoTokenizer.from_pretrained(folder)("a cat", return_tensors="pt")
        want = AutoModel.from_pretrained(folder)(**read).last_hidden_state[0].tolist()
    (got,) = ask(laid_out.load(folder, tmp_path / "archive", runtime="native"), {"inputs": ["a cat"]})
    check(got, want)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"transformer_task": "fill-mask"}, 'transformer_task of .* is "fill-mask"; .* has to be feature-extraction'),
        ({"tokenizer_args": {"do_lower_case": True}}, "tokenizer_args of .* is not served"),
        ({"config_kwargs": {"num_hidden_layers": 1}}, "config_kwargs of .* is not served"),
        ({"model_args": 12.0}, "model_args of .* is 12.0; expected: an object"),
        ({"module_output_name": "scores"}, "module_output_name .* has to be token_embeddings"),
        ({"modality_config": {"text": {"method_output_name": "pooler_output"}}}, "has to be last_hidden_state"),
    ],
)
def test_a_first_module_that_gives_something_else_is_refused(tiny, tmp_path, settings, said):
    folder = folders.sentences(tiny, tmp_path / "model")
    file = folder / "sentence_bert_config.json"
    harmless = {"model_args": {"torch_dtype": "float16"}, "tokenizer_args": {}}
    file.write_text(json.dumps(json.loads(file.read_text()) | harmless))
    assert checkpoints.read(folder).task == "embedding"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    with pytest.raises(Failure, match=said):
        checkpoints.read(folder)
