import json
import shutil
import zipfile

import pytest
import yaml
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from handler.config import CHECKPOINT
from handler.head import Head
from scripts.console import Failure
from scripts.packing import inspection
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests import heads


@pytest.fixture
def folder(tiny, tmp_path):
    """A copy of the tiny checkpoint that a test may change."""
    return shutil.copytree(tiny, tmp_path / "checkpoint")


def change(file, **keys):
    file.write_text(json.dumps(json.loads(file.read_text()) | keys))


def pack(folder, tmp_path, **settings):
    return packer.pack(folder, "tiny", "1.0", settings, tmp_path / "store")[0]


def test_an_archive_holds_code_settings_tokenizer_and_weights(folder, tmp_path):
    archive = pack(folder, tmp_path)
    with zipfile.ZipFile(archive) as packed:
        names = set(packed.namelist())
        config = yaml.safe_load(packed.read("model-config.yaml"))
        manifest = json.loads(packed.read("MAR-INF/MANIFEST.json"))
    wanted = {"bert_handler.py", "handler/pipeline.py", "handler/tasks/embedding.py", "checkpoint/config.json"}
    assert wanted | {"checkpoint/packed.safetensors", "checkpoint/tokenizer.json"} <= names
    assert "checkpoint/model.safetensors" not in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("scripts")]
    assert config["handler"]["task"] == "hidden-states"
    assert config["handler"]["max_length"] == 40
    assert manifest["model"]["modelVersion"] == "1.0"


def test_a_sentence_transformer_brings_its_own_settings(minilm):
    checkpoint = checkpoints.read(minilm)
    assert (checkpoint.task, checkpoint.max_length) == ("embedding", 256)
    assert (checkpoint.pooling, checkpoint.normalize) == ("mean", True)


def test_a_failure_leaves_the_store_as_it_was(folder, tmp_path, monkeypatch):
    archive = pack(folder, tmp_path)
    before = archive.read_bytes()
    copy = packer.shutil.copyfile

    def full(source, target, **options):
        if not str(target).endswith(".part"):
            return copy(source, target, **options)
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(packer.shutil, "copyfile", full)
    with pytest.raises(OSError, match="disk full"):
        pack(folder, tmp_path)
    assert archive.read_bytes() == before
    assert [path.name for path in archive.parent.iterdir()] == ["tiny.mar"]


def test_check_answers_from_the_archive_alone(folder, tmp_path, monkeypatch):
    shadow = tmp_path / "shadow" / "handler"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('shadowed')")
    monkeypatch.setenv("PYTHONPATH", str(shadow.parent))
    assert packer.check(pack(folder, tmp_path))["status"] == 200


def test_an_archive_that_fails_its_check_does_not_replace_a_good_one(folder, tmp_path):
    good = pack(folder, tmp_path).read_bytes()
    with pytest.raises(Failure) as caught:
        packer.pack(folder, "tiny", "1.0", {"handler": {"dtype": "float16"}}, tmp_path / "store", checked=True)
    assert "Traceback" in caught.value.why
    assert "there is no GPU" in caught.value.why
    assert (tmp_path / "store" / "tiny.mar").read_bytes() == good


@pytest.mark.parametrize("runtime", ["auto", "torchscript", "eager"])
@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_files_that_were_cut_off_are_refused(folder, tmp_path, runtime, file):
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Failure, match="does not load"):
        pack(folder, tmp_path, handler={"runtime": runtime})
    assert not list(tmp_path.glob("store/*"))


def test_a_model_that_cannot_run_packed_is_eager_and_says_why(folder, tmp_path, capsys):
    change(folder / "config.json", hidden_act="laplace")
    with zipfile.ZipFile(pack(folder, tmp_path)) as packed:
        assert yaml.safe_load(packed.read("model-config.yaml"))["handler"]["runtime"] == "eager"
        assert "checkpoint/model.safetensors" in packed.namelist()
    assert "runtime eager: activation laplace is not one of" in capsys.readouterr().err


def test_missing_weights_are_refused_when_packing(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "layer.1" in name)
    save_file(
        {key: value for key, value in weights.items() if key != name}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(Failure) as caught:
        pack(folder, tmp_path)
    assert "lacks 1 weights" in caught.value.why


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"minWorker": 2}, "unknown key 'minWorker'; did you mean 'minWorkers'"),
        ({"handler": {"max_length": 41}}, "41 is more than the model's 40 positions"),
        ({"handler": {"task": "embeddings"}}, "cannot do embeddings"),
        ({"handler": {"runtime": "pakced"}}, "unknown runtime 'pakced'; did you mean 'packed'"),
    ],
)
def test_wrong_settings(folder, tmp_path, settings, words):
    with pytest.raises(Failure, match=words):
        pack(folder, tmp_path, **settings)


def test_a_head_that_is_not_served_needs_a_task(folder, tmp_path):
    change(folder / "config.json", architectures=["BertForTokenClassification"])
    with pytest.raises(Failure, match=r"lacks classifier\.bias of its head") as caught:
        pack(folder, tmp_path)
    assert "--task" in caught.value.fix
    assert pack(folder, tmp_path, handler={"task": "embedding"}).exists()


@pytest.mark.parametrize("name", ["../x", "", ".x", "a b"])
def test_names_that_are_no_file_names(folder, tmp_path, name):
    with pytest.raises(Failure, match="cannot be a model's name"):
        packer.pack(folder, name, "1.0", {}, tmp_path)


@pytest.mark.parametrize(
    ("missing", "words"),
    [("config.json", "no config.json"), ("model.safetensors", "no weights"), ("tokenizer.json", "no tokenizer")],
)
def test_what_a_checkpoint_needs(folder, missing, words):
    (folder / missing).unlink()
    (folder / "vocab.txt").unlink(missing_ok=True)
    with pytest.raises(Failure, match=words):
        checkpoints.read(folder)


def test_a_folder_with_only_a_vocabulary_gets_a_tokenizer(folder, tmp_path):
    from tokenizers import Tokenizer

    want = Tokenizer.from_file(str(folder / "tokenizer.json")).encode("how are you?").ids
    (folder / "tokenizer.json").unlink()
    assert (folder / "vocab.txt").exists()
    with zipfile.ZipFile(pack(folder, tmp_path)) as packed:
        made = Tokenizer.from_str(packed.read("checkpoint/tokenizer.json").decode())
    assert made.encode("how are you?").ids == want


def test_a_tokenizer_class_in_python_is_refused_where_its_ids_are_others(folder, tmp_path):
    change(folder / "tokenizer_config.json", tokenizer_class="CanineTokenizer")  # whose ids are code points
    with pytest.raises(Failure, match="gives other ids") as caught:
        pack(folder, tmp_path)
    assert "CanineTokenizer is written in Python" in caught.value.fix


@pytest.mark.parametrize("name", ["special_tokens_map.json", "added_tokens.json"])
def test_a_tokenizer_that_transformers_does_not_load_is_refused_with_its_reason(folder, tmp_path, name):
    (folder / name).write_text("5")
    with pytest.raises(Failure, match=f"transformers does not load the tokenizer of {folder}: 'int' object has no"):
        pack(folder, tmp_path)


def sentence_transformer(folder, modules, **pooling):
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    listed = [{"type": f"sentence_transformers.models.{name}", "path": path} for name, path in modules]
    (folder / "modules.json").write_text(json.dumps(listed))
    return checkpoints.read(folder)


@pytest.mark.parametrize(
    "names", [["Transformer", "Pooling", "CNN"], ["Transformer", "Pooling", "Normalize", "Dense"], ["BoW"]]
)
def test_modules_that_cannot_be_reproduced_are_refused(folder, names):
    with pytest.raises(Failure, match=f"modules {', '.join(names)}, which are not served"):
        sentence_transformer(folder, [(name, "") for name in names])


@pytest.mark.parametrize(
    ("pooling", "found"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode": "max"}, "max"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, ("cls", "mean")),
        ({"pooling_mode": ["mean", "cls"]}, ("mean", "cls")),
    ],
)
def test_pooling_is_read_in_both_forms_of_the_file(folder, pooling, found):
    checkpoint = sentence_transformer(folder, [("Transformer", ""), ("Pooling", "1_Pooling")], **pooling)
    assert (checkpoint.pooling, checkpoint.normalize, checkpoint.max_length) == (found, False, 40)


def test_prompts_that_cannot_be_reproduced_are_refused(folder):
    saved = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(saved))
    (folder / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Transformer", "path": ""}]))
    with pytest.raises(Failure, match="puts its prompt 'query' before each pair"):
        checkpoints.read(folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", r"config\.json is \[\]; expected: an object"),
        (
            '{"model_type": "bert", "max_position_embeddings": "x"}',
            r'max_position_embeddings of config\.json is "x"; expected: a whole number',
        ),
        ('{"architectures": 3}', r"architectures of config\.json is 3; expected: a list"),
    ],
)
def test_a_configuration_of_the_wrong_kind_is_a_failure(folder, content, words):
    (folder / "config.json").write_text(content)
    with pytest.raises(Failure, match=words):
        checkpoints.read(folder)


def test_an_unknown_pooling_is_refused(folder):
    modules = [("Transformer", ""), ("Pooling", "1_Pooling")]
    with pytest.raises(Failure, match=r"1_Pooling/config\.json pools by cls and median, which is not served"):
        sentence_transformer(folder, modules, pooling_mode=["cls", "median"])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"0": "a", "1": "b"}, "does not load as BertForSequenceClassification"),
        (["a", "b", "c"], r'id2label of config\.json is \["a", "b", "c"\]; expected: an object'),
    ],
)
def test_a_head_that_does_not_fit_its_labels_is_refused(minilm, tmp_path, labels, words):
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    names = heads.labels(["a", "b", "c"])
    folder = heads.save(tmp_path / "head", "Bert", "ForSequenceClassification", tokenizer, **names)
    change(folder / "config.json", id2label=labels)
    with pytest.raises(Failure, match=words):
        pack(folder, tmp_path)


@pytest.mark.parametrize(("count", "function"), [(1, "sigmoid"), (3, "softmax")])
def test_a_head_without_names_has_as_many_labels_as_its_weights_have_rows(minilm, tmp_path, count, function):
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    names = heads.labels([f"LABEL_{number}" for number in range(count)])
    folder = heads.save(tmp_path / "head", "Bert", "ForSequenceClassification", tokenizer, **names)
    config = json.loads((folder / "config.json").read_text())
    left = {key: value for key, value in config.items() if key not in ("id2label", "label2id")}
    (folder / "config.json").write_text(json.dumps(left | {"num_labels": count}))
    packer.stage(checkpoints.read(folder), tmp_path / "archive", "packed", task="text-classification")
    found = Head(tmp_path / "archive" / CHECKPOINT, "cpu").description
    assert (found.labels, found.function) == (list(names["label2id"]), function)


def test_a_head_with_an_activation_that_is_not_known_is_served_by_transformers_class(minilm, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    folder = heads.save(tmp_path / "head", "Bert", "ForMaskedLM", tokenizer, hidden_act="laplace")
    found = inspection.inspect(pack(folder, tmp_path))
    assert (found["task"], found["runtime"]) == ("fill-mask", "eager")


def test_labels_are_counted_from_zero(minilm, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    folder = heads.save(tmp_path / "head", "Bert", "ForSequenceClassification", tokenizer, **heads.labels(["a", "b"]))
    change(folder / "config.json", id2label={"5": "a", "6": "b"})
    with pytest.raises(Failure, match="names the scores 5, 6; there are 2"):
        pack(folder, tmp_path)


@pytest.mark.parametrize("place", ["classifier.weight", "bert.embeddings.LayerNorm.bias"])
def test_weights_that_are_no_numbers_are_refused(minilm, tmp_path, place):
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    folder = heads.save(tmp_path / "head", "Bert", "ForSequenceClassification", tokenizer, **heads.labels(["a", "b"]))
    weights = load_file(folder / "model.safetensors")
    weights[place][0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(Failure) as caught:
        pack(folder, tmp_path)
    assert "NaN" in caught.value.why
