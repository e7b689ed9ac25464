"""Dense layers after pooling that are not served: what is said of each."""

import json

import pytest
from safetensors.torch import load_file, save_file

from scripts.console import Failure
from scripts.packing import pack as packer
from tests import folders


def packed(folder, tmp_path):
    return packer.pack(folder, "a", "2.1", {}, tmp_path / "store")[0]


@pytest.mark.parametrize(
    ("change", "words", "fix"),
    [
        ({"bias": False}, "has the weights linear.bias, linear.weight; with bias false", "set bias to true in "),
        ({"out_features": 99}, "out_features of .*config.json is 99, and the weights have 25", "set it to 25"),
        ({"in_features": None}, "does not say in_features", "add in_features"),
        ({"activation_function": "mine.ReLU"}, "is mine.ReLU, which is not served", "torch.nn.modules.activation.Tanh"),
    ],
)
def test_dense_layers_that_sentence_transformers_does_not_load_or_that_say_otherwise(
    tiny, tmp_path, change, words, fix
):
    folder = folders.sentences(tiny, tmp_path / "s", dense=("Tanh",))
    file = folder / "2_Dense" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(Failure, match=words) as caught:
        packed(folder, tmp_path)
    assert fix in caught.value.fix


def test_a_dense_layer_without_the_bias_that_it_names(tiny, tmp_path):
    folder = folders.sentences(tiny, tmp_path / "s", dense=("Tanh",))
    file = folder / "2_Dense" / "model.safetensors"
    save_file({"linear.weight": load_file(file)["linear.weight"]}, file)
    with pytest.raises(Failure, match=r"with bias true in its config\.json they are linear.bias, linear.weight"):
        packed(folder, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"activation_function": "torch.nn.modules.activation.PReLU"},
            "is torch.nn.modules.activation.PReLU, which is not served",
        ),
        ({"use_residual": True}, "residual.weight"),
        ({"module_input_name": "token_embeddings"}, "something else than sentence_embedding"),
        ({"module_output_name": "other"}, "something else than sentence_embedding"),
    ],
)
def test_dense_layers_that_cannot_be_reproduced(tiny, tmp_path, change, words):
    folder = folders.sentences(tiny, tmp_path / "s", dense=("Tanh",))
    file = folder / "2_Dense" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(Failure, match=words):
        packed(folder, tmp_path)
