"""Values of a checkpoint's JSON files, as users may have left them."""

import json
import shutil

import numpy as np
import pytest

from scripts.console import Failure
from scripts.files.json_files import load_if_there, load_json, load_object, required, value
from scripts.packing import dense, head_labels, tokenizer
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from scripts.sources.configuration import hidden_size

REMOVED = object()
VALUES = [None, REMOVED, "x", -1, 1e9, [], {}, True]
CONFIG = {
    "id2label": {"0": "a", "1": "b"},
    "problem_type": "regression",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"},
    "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity",
}
TOKENIZER = {
    "model_max_length": 40,
    "truncation_side": "right",
    "do_lower_case": True,
    "strip_accents": None,
    "added_tokens_decoder": {},
    "additional_special_tokens": [],
    "tokenizer_class": "BertTokenizer",
    "add_prefix_space": False,
    "mask_token": "[MASK]",
}
POOLING = {"pooling_mode": "mean", "include_prompt": True, "pooling_mode_mean_tokens": True, "embedding_dimension": 32}
SENTENCES = {"max_seq_length": 20, "do_lower_case": False, "processing_kwargs": {}}
MODEL = {"prompts": {"query": "q: "}, "default_prompt_name": None, "truncate_dim": 8, "activation_fn": None}
DENSE = {
    "in_features": 32,
    "out_features": 8,
    "bias": False,
    "activation_function": "torch.nn.modules.activation.Tanh",
    "module_input_name": "sentence_embedding",
    "module_output_name": "sentence_embedding",
    "use_residual": False,
}
MODULES = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")]
FILES = {
    "config.json": CONFIG,
    "tokenizer_config.json": TOKENIZER,
    "sentence_bert_config.json": SENTENCES,
    "config_sentence_transformers.json": MODEL,
    "1_Pooling/config.json": POOLING,
    "2_Dense/config.json": DENSE,
}


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """A folder with every file whose values are read."""
    folder = shutil.copytree(tiny, tmp_path_factory.mktemp("values") / "folder")
    for name, keys in FILES.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(load_if_there(file) | keys))
    modules = [{"type": f"sentence_transformers.models.{name}", "path": path, "name": path} for name, path in MODULES]
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


def read(folder):
    """The steps of packing that read values, without weights."""
    checkpoint = checkpoints.read(folder)
    packer.configure(checkpoint, {})
    config = checkpoint.config
    head_labels.labels(config, 2)
    head_labels.function(checkpoint, 2)
    for module in checkpoint.dense:
        dense.activation(module, load_object(module / "config.json"))
        weights = {"linear.weight": np.zeros((8, 32))}
        dense.check(module, load_object(module / "config.json"), weights, hidden_size(config), dense.SENTENCE)
    tokenizer.check_size(checkpoint, tokenizer.load(checkpoint.folder / tokenizer.FILE))


def outcome(folder, work=read):
    """Empty where it works, else what the failure says; any other exception goes on."""
    try:
        work(folder)
    except Failure as failure:
        return failure.what or "a failure that says nothing"
    return ""


def changed(content, key, new):
    rest = {name: old for name, old in content.items() if name != key}
    return rest if new is REMOVED else rest | {key: new}


def each(file):
    """Changes of one key of a file at a time; the file is as it was afterwards."""
    before = file.read_text()
    content = json.loads(before)
    try:
        for key in content:
            for new in VALUES:
                file.write_text(json.dumps(changed(content, key, new)))
                yield key, new
    finally:
        file.write_text(before)


@pytest.mark.parametrize("modules", [True, False])
@pytest.mark.parametrize("name", FILES)
def test_any_value_works_or_is_a_failure(whole, tmp_path, name, modules):
    folder = shutil.copytree(whole, tmp_path / "folder")
    if not modules:
        (folder / "modules.json").unlink()
    assert outcome(folder) == ""
    found = [outcome(folder) for _ in each(folder / name)]
    assert len(found) >= len(VALUES) * len(FILES[name])
    assert "" in found
    assert not [words for words in found if "does not hold what it should" in words]


def test_null_is_as_good_as_absent(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "folder")
    for name in FILES:
        found = {}
        for key, new in each(folder / name):
            if new is None or new is REMOVED:
                found.setdefault(key, []).append(outcome(folder))
        assert all(removed == null for null, removed in found.values()), found


@pytest.mark.parametrize("number", range(len(MODULES)))
@pytest.mark.parametrize("key", ["type", "path", "name"])
def test_modules(whole, tmp_path, number, key):
    folder = shutil.copytree(whole, tmp_path / "folder")
    listed = json.loads((folder / "modules.json").read_text())
    for new in VALUES:
        modules = [changed(each, key, new) if at == number else each for at, each in enumerate(listed)]
        (folder / "modules.json").write_text(json.dumps(modules))
        said = outcome(folder)
        assert "does not hold what it should" not in said
        assert (said == "") is (key == "name"), (new, said)


@pytest.mark.parametrize("content", [None, "x", -1, 1e9, [], {}, [None], ["x"], [[]]])
@pytest.mark.parametrize("name", [*FILES, "modules.json"])
def test_files_that_hold_something_else(whole, tmp_path, name, content):
    folder = shutil.copytree(whole, tmp_path / "folder")
    (folder / name).write_text(json.dumps(content))
    said = outcome(folder)
    assert "does not hold what it should" not in said
    assert said or content == {}


def test_tokenizer_settings_when_the_tokenizer_is_made(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "folder")
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER))
    for number, _ in enumerate(each(folder / "tokenizer_config.json")):
        (tmp_path / str(number)).mkdir()
        outcome(folder, lambda folder, at=number: tokenizer.write(checkpoints.read(folder), tmp_path / str(at)))


@pytest.mark.parametrize("labels", [{"x": "a", "1": "b"}, {"0": None, "1": "b"}, {"0": "a"}, {"0": [], "1": {}}, []])
def test_labels_that_are_none(labels):
    with pytest.raises(Failure, match="id2label"):
        head_labels.labels({"id2label": labels}, 2)


def test_labels_that_are_not_named_have_numbers():
    for config in ({}, {"id2label": None}, {"id2label": {}}):
        assert head_labels.labels(config, 2) == ["LABEL_0", "LABEL_1"]
    assert head_labels.labels({"id2label": {"0": 1, "1": 2.5}}, 2) == ["1", "2.5"]


@pytest.mark.parametrize(
    ("kind", "found", "expected"),
    [
        (int, "x", "a whole number"),
        (int, True, "a whole number"),
        (int, 1.5, "a whole number"),
        (int, float("nan"), "a whole number"),
        (float, "1", "a number"),
        (bool, 1, "true or false"),
        (str, 1, "a string"),
        (list, {}, "a list"),
        (dict, [], "an object"),
    ],
)
def test_a_value_of_another_kind_names_file_key_and_kind(kind, found, expected):
    with pytest.raises(Failure) as caught:
        value({"key": found}, "key", kind, None, "some.json")
    assert caught.value.what == f"key of some.json is {json.dumps(found)}; expected: {expected}"


def test_values():
    assert value({"key": 12.0}, "key", int) == 12
    assert isinstance(value({"key": 12.0}, "key", int), int)
    assert isinstance(value({"key": 1}, "key", float), float)
    assert value({"key": None}, "key", str, "default") == value({}, "key", str, "default") == "default"
    with pytest.raises(Failure, match=r"config\.json does not say key"):
        required({"key": None}, "key", int)


@pytest.mark.parametrize(
    ("content", "fix"),
    [
        (b"\xef\xbb\xbf{}", "without a byte order mark"),
        (b"{", "copy the file again"),
        (b"\xff{}", "copy the file again"),
    ],
)
def test_what_is_no_json_has_a_remedy(tmp_path, content, fix):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(Failure, match="is not JSON") as caught:
        load_json(tmp_path / "config.json")
    assert fix in caught.value.fix
