"""Weights that do not fit their configuration: what is said at `pack`, and that what is advised makes them fit."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertConfig, BertForSequenceClassification

from scripts.console import Failure
from scripts.packing import pack as packer
from tests.advice import run
from tests.hostile import laid_out

LABELS = {"0": "a", "1": "b", "2": "c"}


@pytest.fixture
def folder(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "it's mine")


@pytest.fixture
def classifier(folder):
    """Three labels."""
    torch.manual_seed(0)
    config = BertConfig.from_pretrained(folder, num_labels=3, architectures=["BertForSequenceClassification"])
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def rewrite(folder, change):
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, {"format": "pt"})


def configure(folder, **keys):
    found = json.loads((folder / "config.json").read_text()) | keys
    kept = {key: value for key, value in found.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def refusal(folder, tmp_path, **handler):
    with pytest.raises(Failure) as caught:
        packer.pack(folder, "a", "1.0", {"handler": handler}, tmp_path / "store")
    return caught.value


@pytest.mark.parametrize("runtime", ["auto", "eager"])
def test_a_classifier_without_its_pooler(classifier, tmp_path, runtime):
    rewrite(classifier, lambda found: {name: each for name, each in found.items() if ".pooler." not in name})
    said = refusal(classifier, tmp_path, runtime=runtime)
    assert said.what.endswith("lacks bert.pooler.dense.bias of its head")
    assert "--task embedding" in said.fix
    pipeline = laid_out.load(classifier, tmp_path / "stage", task="embedding", runtime=runtime)
    assert "text-classification" not in pipeline.tasks
    assert "the weights lack bert.pooler.dense.bias, bert.pooler.dense.weight" in pipeline.tasks["info"].model.notes[0]


@pytest.mark.parametrize(
    ("keys", "said", "advice", "mended"),
    [
        (
            {"id2label": {"0": "a", "1": "b"}},
            "2 labels in id2label",
            "name the 3 labels, 0 to 2, in id2label of config.json",
            {"id2label": LABELS},
        ),
        (
            {"id2label": None, "label2id": None},
            "nothing of labels, which means 2",
            "name the 3 labels, 0 to 2, in id2label of config.json",
            {"id2label": LABELS},
        ),
        (
            {"id2label": None, "label2id": None, "num_labels": 4},
            "num_labels 4",
            "name the 3 labels, 0 to 2, in id2label of config.json, and set num_labels to 3",
            {"id2label": LABELS, "num_labels": 3},
        ),
        (
            {"num_labels": 2},
            "3 labels in id2label and num_labels 2",
            "remove num_labels from config.json",
            {"num_labels": None},
        ),
    ],
)
def test_another_number_of_labels(classifier, tmp_path, keys, said, advice, mended):
    configure(classifier, **keys)
    found = refusal(classifier, tmp_path)
    assert found.why.startswith("the weights have 3 scores, and config.json ")
    assert found.why.endswith(said)
    assert found.fix == advice
    laid_out.load(classifier, tmp_path / "headless", task="embedding")
    configure(classifier, **mended)
    assert "text-classification" in laid_out.load(classifier, tmp_path / "stage").tasks


@pytest.mark.parametrize("runtime", ["auto", "eager"])
def test_sizes_of_another_model(folder, tmp_path, runtime):
    configure(folder, intermediate_size=48)
    found = refusal(folder, tmp_path, runtime=runtime)
    assert found.why == ("encoder.layer.0.intermediate.dense.bias is 64 in the weights, and 48 by config.json")
    assert found.fix.startswith("set intermediate_size of config.json to 64")
    configure(folder, intermediate_size=64)
    assert laid_out.load(folder, tmp_path / "stage", runtime=runtime).tasks


@pytest.mark.parametrize("runtime", ["auto", "eager"])
def test_more_layers_than_the_weights_have(folder, tmp_path, runtime):
    configure(folder, num_hidden_layers=3)
    found = refusal(folder, tmp_path, runtime=runtime)
    assert found.why.startswith("the checkpoint lacks 16 weights of its model: encoder.layer.2.attention.output.")
    assert found.why.endswith(" and 13 more")
    assert found.fix.startswith("set num_hidden_layers of config.json to 2, ")


def test_a_weight_that_is_missing_among_others(folder, tmp_path):
    rewrite(folder, lambda found: {name: each for name, each in found.items() if "layer.1.output.dense" not in name})
    found = refusal(folder, tmp_path)
    names = [f"encoder.layer.1.output.dense.{end}" for end in ("bias", "weight")]
    assert found.why == f"the checkpoint lacks 2 weights of its model: {', '.join(names)}"
    assert "save_pretrained" in found.fix


@pytest.mark.parametrize("runtime", ["auto", "eager"])
@pytest.mark.parametrize("prefix", ["module.", "auto_model.", "model.bert."])
def test_a_prefix_of_an_encoder_is_named_and_removed(folder, tmp_path, prefix, runtime):
    want = AutoModel.from_pretrained(folder)(torch.tensor([[2, 5, 3]])).last_hidden_state[0].detach().numpy()
    rewrite(folder, lambda found: {f"{prefix}{name}": each for name, each in found.items()})
    found = refusal(folder, tmp_path, runtime=runtime)
    assert found.why.startswith("the checkpoint lacks 37 weights of its model: embeddings.LayerNorm.bias, ")
    assert found.why.endswith(f"the weights have them with {prefix!r} before their names")
    run(found.fix)
    pipeline = laid_out.load(folder, tmp_path / "stage", runtime=runtime)
    (output,) = pipeline.runtime.run([pipeline.tokenizer.add_special_tokens([5])])
    assert np.abs(output.hidden - want).max() < 1e-5


@pytest.mark.parametrize("runtime", ["auto", "eager"])
def test_a_prefix_of_a_classifier_leaves_its_own(classifier, tmp_path, runtime):
    rewrite(classifier, lambda found: {f"module.{name}": each for name, each in found.items()})
    found = refusal(classifier, tmp_path, runtime=runtime)
    assert "the weights have them with 'module.' before their names" in found.why
    run(found.fix)
    assert "text-classification" in laid_out.load(classifier, tmp_path / "stage", runtime=runtime).tasks


def test_quantized_weights_are_named_and_unquantized_ones_packed(folder, tmp_path):
    configure(folder, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True})
    with pytest.raises(Failure) as caught:
        packer.pack(folder, "a", "1.0", {}, tmp_path)
    assert "weights are quantized: bitsandbytes" in caught.value.why
    assert "remove quantization_config" in caught.value.fix
    configure(folder, quantization_config=None)
    packer.pack(folder, "a", "1.0", {}, tmp_path)


@pytest.mark.parametrize("kind", ["distilbert", "roberta"])
def test_weights_of_another_family(classifier, tmp_path, kind):
    configure(classifier, model_type=kind)
    found = refusal(classifier, tmp_path)
    assert found.why.endswith(f"model_type {kind!r}, and BertForSequenceClassification, which is 'bert'")
    assert found.fix.startswith('set model_type of config.json to "bert"')


@pytest.mark.parametrize("kind", ["bert", "electra"])
@pytest.mark.parametrize("count", [1001, 2**31, 1e300])
def test_layers_beyond_any_model_are_not_built(folder, tmp_path, kind, count):
    configure(folder, num_hidden_layers=count, model_type=kind)
    assert "1000 is the most that is built" in refusal(folder, tmp_path).what


@pytest.mark.parametrize(
    ("settings", "words", "fix"),
    [
        ({"handler": {"dimensions": 33}}, "handler.dimensions 33 is more than the 32 dimensions", "32 at most"),
        ({"batchSize": 2**31}, "batchSize 2147483648 is more than TorchServe reads", "2147483647 at most"),
        (
            {"batchSize": 1001, "jobQueueSize": 1000},
            "batchSize 1001 is more than jobQueueSize 1000",
            "jobQueueSize to 1001 or more",
        ),
        (
            {"handler": {"max_response_bytes": 268435456}},
            "max_response_bytes 268435456 is not below max_response_size 268435456",
            "268435455 at most",
        ),
    ],
)
def test_settings_that_nothing_can_have(folder, tmp_path, settings, words, fix):
    with pytest.raises(Failure, match=words) as caught:
        packer.pack(folder, "a", "1.0", settings, tmp_path / "store")
    assert fix in caught.value.fix


def test_settings_up_to_their_bounds(folder, tmp_path):
    handler = {"dimensions": 32, "max_response_bytes": 268435455}
    settings = {"batchSize": 1000, "responseTimeout": 2**31 - 1, "handler": handler}
    assert packer.pack(folder, "a", "1.0", settings, tmp_path / "store")[0].exists()


def test_fewer_rows_by_config_json_than_the_weights_have(folder, tmp_path):
    rows = len(load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"])
    configure(folder, vocab_size=rows - 10)
    with pytest.raises(Failure, match=f"the model has {rows - 10} rows") as caught:
        packer.pack(folder, "tiny", "1.0", {}, tmp_path)
    assert f"set vocab_size of config.json to {rows}, or" in caught.value.fix
    configure(folder, vocab_size=rows)
    packer.pack(folder, "tiny", "1.0", {}, tmp_path)


def test_more_tokens_than_rows_where_weights_and_config_json_agree(folder, tmp_path):
    rows = len(load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"])
    name = "embeddings.word_embeddings.weight"
    rewrite(folder, lambda found: found | {name: found[name][: rows - 10].clone()})
    configure(folder, vocab_size=rows - 10)
    with pytest.raises(Failure, match=f"the model has {rows - 10} rows") as caught:
        packer.pack(folder, "tiny", "1.0", {}, tmp_path)
    assert "resize_token_embeddings" in caught.value.fix
