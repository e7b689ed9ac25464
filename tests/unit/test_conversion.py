"""Damage and clashes: each is named, and nothing stays of the output."""

import json
import random
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from scripts.console import Failure
from scripts.conversion import vocabulary
from scripts.conversion.bundle import Bundle
from scripts.conversion.config import BertConfig
from scripts.conversion.config import read as read_config
from scripts.conversion.convert import Source, checkpoint_prefix, convert
from scripts.conversion.names import HEADS
from scripts.conversion.plan import plan, shapes
from scripts.files.provenance import digest
from tests import bundles

DATA = Path(__file__).parents[1] / "data" / "tensorflow"
FLIPS = 250
"""For each of two checkpoints."""


@pytest.fixture
def source(tmp_path):
    def copy(name):
        return shutil.copytree(DATA / name, tmp_path / name)

    return copy


def refused(folder, **settings):
    """The failure, and that it left nothing."""
    target = folder.parent / "out"
    with pytest.raises(Failure) as caught:
        convert(Source(folder, **settings), target)
    assert not [path.name for path in folder.parent.iterdir() if "out" in path.name]
    return caught.value


@pytest.mark.parametrize("name", ["pretraining", "chinese"])
def test_every_flipped_byte_is_caught_or_lies_in_what_is_left_out(source, name, tmp_path):
    folder = source(name)
    convert(Source(folder), tmp_path / "whole")
    whole = digest(tmp_path / "whole" / "model.safetensors")
    bundle = Bundle(checkpoint_prefix(folder))
    taken = plan(bundle, read_config(folder / "bert_config.json"), None, ())
    files = sorted(folder.glob("bert_model.ckpt.*"))
    generator = random.Random(0)
    places = [(file, place) for file in files for place in range(file.stat().st_size)]
    index = [(file, place) for file, place in places if file.suffix == ".index"]
    caught = 0
    for file, place in generator.sample(index, FLIPS // 3) + generator.sample(places, FLIPS - FLIPS // 3):
        content = bytearray(file.read_bytes())
        content[place] ^= 1 << generator.randrange(8)
        original = file.read_bytes()
        file.write_bytes(content)
        target = tmp_path / "out"
        said = attempt(folder, target)
        file.write_bytes(original)
        if said:
            assert file.name in said
            assert not target.exists()
            caught += 1
        else:
            held = [name for name, entry in bundle.entries.items() if lies_in(bundle, entry, file, place)]
            assert held, f"byte {place} of {file.name} belongs to no tensor"
            assert held[0] in taken.skipped
            assert digest(target / "model.safetensors") == whole
            shutil.rmtree(target)
    assert caught == FLIPS if name == "chinese" else FLIPS // 3 < caught < FLIPS


def attempt(folder, target):
    """What the failure says; empty for none."""
    try:
        convert(Source(folder), target)
    except Failure as failure:
        return str(failure)
    return ""


def lies_in(bundle, entry, file, place):
    return bundle.file(entry.shard) == file and entry.offset <= place < entry.offset + entry.size


@pytest.mark.parametrize("kept", [0, 100, 6000])
def test_a_shard_that_was_cut_off_names_tensor_and_file(source, kept):
    folder = source("chinese")
    file = folder / "bert_model.ckpt.data-00001-of-00003"
    file.write_bytes(file.read_bytes()[:kept])
    failure = refused(folder)
    assert "bert/" in failure.what
    assert f"{file}, which has {kept}" in failure.what
    assert "cut off" in failure.fix


def test_an_index_that_was_cut_off(source):
    folder = source("chinese")
    file = folder / "bert_model.ckpt.index"
    file.write_bytes(file.read_bytes()[:1000])
    assert "bert_model.ckpt.index (1000 bytes)" in refused(folder).what


def test_a_missing_shard(source):
    folder = source("chinese")
    (folder / "bert_model.ckpt.data-00002-of-00003").unlink()
    failure = refused(folder)
    assert "needs 3 data files; missing: bert_model.ckpt.data-00002-of-00003" in failure.what
    assert "bert/" in failure.why


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_size": 32}, "[24], bert_config.json makes it [32]"),
        ({"num_hidden_layers": 3}, "has no tensor bert/encoder/layer_2/"),
        ({"num_hidden_layers": 1}, "tensors that are not part of this model: bert/encoder/layer_1/"),
        ({"num_attention_heads": 5}, "hidden_size 24 is not a multiple of num_attention_heads 5"),
        ({"intermediate_size": 41}, "intermediate/dense/kernel"),
        ({"max_position_embeddings": 64}, "position_embeddings"),
        ({"vocab_size": 100}, "has 127 words, bert_config.json says vocab_size 100"),
        ({"hidden_act": "swoosh"}, "swoosh"),
        ({"hidden_size": "24"}, "hidden_size"),
    ],
)
def test_a_wrong_configuration(source, change, words):
    folder = source("chinese")
    file = folder / "bert_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    failure = refused(folder)
    assert words in f"{failure.what} {failure.why}"


@pytest.mark.parametrize("name", ["bert_config.json", "vocab.txt"])
def test_a_missing_file_beside_the_checkpoint(source, name):
    folder = source("chinese")
    (folder / name).unlink()
    assert f"{name} is missing" in refused(folder).what


def test_a_vocabulary_of_another_model(source):
    folder = source("chinese")
    (folder / "vocab.txt").write_text("hello\nworld\n")
    assert "lacks [PAD], [UNK], [CLS], [SEP], [MASK]" in refused(folder).what


def test_a_head_the_checkpoint_lacks(source):
    assert "has no tensor cls/seq_relationship/" in refused(source("chinese"), head="pretraining").what


def test_unknown_tensors_are_left_out_only_when_named(source, tmp_path):
    folder = source("pretraining")
    file = folder / "bert_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"num_hidden_layers": 1}))
    assert "--leave-out" in refused(folder).fix
    for pattern in ("nothing/*", "bert/pooler/dense/kernel"):
        assert f"--leave-out {pattern} names no tensor" in refused(folder, leave_out=[pattern]).what
    report = convert(Source(folder, leave_out=["bert/encoder/layer_1/*"]), tmp_path / "out")
    reasons = set(report["left_out"].values())
    assert reasons == {"--leave-out bert/encoder/layer_1/*", "optimizer slot", "training counter"}


def test_every_tensor_is_accounted_for(source, tmp_path):
    folder = source("pretraining")
    report = convert(Source(folder, head="none"), tmp_path / "out")
    names = set(Bundle(checkpoint_prefix(folder)).entries)
    assert set(report["used"].values()) | set(report["left_out"]) == names
    assert not set(report["used"].values()) & set(report["left_out"])
    assert report["left_out"]["cls/predictions/output_bias"] == "head not asked for"
    assert report["left_out"]["bert/pooler/dense/kernel/adam_m"] == "optimizer slot"
    assert report["left_out"]["global_step"] == "training counter"


def test_a_target_that_is_there_stays(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    with pytest.raises(Failure, match="is not empty"):
        convert(Source(source("chinese")), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_a_checkpoint_by_any_of_its_names(tmp_path):
    prefix = DATA / "chinese" / "bert_model.ckpt"
    for name in ("bert_model.ckpt", "bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00003", ""):
        assert checkpoint_prefix(DATA / "chinese" / name) == prefix
    for name in ("a.index", "b.index"):
        (tmp_path / name).touch()
    with pytest.raises(Failure, match="it holds a, b"):
        checkpoint_prefix(tmp_path)


def test_other_checkpoints_are_told_apart(tmp_path):
    bundles.write(tmp_path / "m", {"model/layer-0/.ATTRIBUTES/VARIABLE_VALUE": (1, (1,), bytes(4))})
    for name in ("bert_config.json", "vocab.txt"):
        shutil.copyfile(DATA / "chinese" / name, tmp_path / name)
    with pytest.raises(Failure, match="holds no BERT of TensorFlow 1"):
        convert(Source(tmp_path), tmp_path / "out")


@pytest.mark.parametrize(("name", "cased"), [("chinese", False), ("pretraining", False), ("classifier", True)])
def test_case_is_read_from_the_vocabulary(name, cased):
    words = vocabulary.read(DATA / name / "vocab.txt", 1000)
    assert vocabulary.detect(words).cased is cased


def test_casing_is_said_and_a_careless_choice_warned_of(source, tmp_path, capsys):
    folder = source("chinese")
    convert(Source(folder), tmp_path / "a")
    assert "uncased: 0 of the 80 words with letters in vocab.txt have capitals" in capsys.readouterr().err
    report = convert(Source(folder, cased=True), tmp_path / "b")
    assert "every word with a capital becomes [UNK]" in capsys.readouterr().err
    assert report["cased"] is True
    convert(Source(source("classifier"), cased=False), tmp_path / "c")
    assert "no word with a capital is ever found" in capsys.readouterr().err


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n\n"])
@pytest.mark.parametrize("begin", ["", "\ufeff"])
def test_words_are_lines_whatever_else_may_end_one(tmp_path, begin, end):
    words = [*vocabulary.SPECIAL, "a\u2028b", "c\x85d", "e\x0cf", "g\rh"]
    between = "\n" if end.startswith("\n") else end
    (tmp_path / "vocab.txt").write_text(begin + between.join(words) + end, newline="")
    read = vocabulary.read(tmp_path / "vocab.txt", 9)
    assert (read.lines, list(read.ids)) == (9, words)


def test_a_word_on_two_lines_is_said(tmp_path, capsys):
    (tmp_path / "vocab.txt").write_text("\n".join([*vocabulary.SPECIAL, "cat", "mat", "cat"]))
    assert vocabulary.read(tmp_path / "vocab.txt", 8).ids["cat"] == 7
    assert "1 lines of" in capsys.readouterr().err


def test_a_name_that_looks_like_a_shard(source, tmp_path):
    folder = source("squad")
    for file in folder.glob("bert_model.ckpt.*"):
        file.rename(folder / file.name.replace("bert_model", "wiki.data-2019"))
    assert checkpoint_prefix(folder).name == "wiki.data-2019.ckpt"
    assert convert(Source(folder), tmp_path / "out")["architecture"] == "BertForQuestionAnswering"


def bert(**changes):
    """A checkpoint of one layer by hand; a change of None leaves the tensor out."""
    config = BertConfig(
        vocab_size=5,
        hidden_size=4,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=6,
        max_position_embeddings=4,
        type_vocab_size=2,
    )
    values = {name: np.full(shape, 0.5, "<f4") for name, shape in shapes(config, HEADS["none"], True).items()}
    values = {name: value for name, value in (values | changes).items() if value is not None}
    return config, {name: (1, value.shape, value.astype("<f4").tobytes()) for name, value in values.items()}


def saved(folder, config, tensors):
    bundles.write(folder / "m", tensors)
    keys = {name: value for name, value in msgspec.structs.asdict(config).items() if name != "labels"}
    (folder / "bert_config.json").write_text(json.dumps(keys))
    (folder / "vocab.txt").write_text("\n".join(vocabulary.SPECIAL))
    return folder


def test_numbers_that_are_none_name_their_tensor(tmp_path):
    name = "bert/encoder/layer_0/output/dense/bias"
    folder = tmp_path / "m"
    folder.mkdir()
    saved(folder, *bert(**{name: np.array([0, 1, np.nan, 0])}))
    assert f"{name} of {folder / 'm.index'} holds NaN or infinity" in refused(folder).what


def test_what_is_small_or_missing_and_still_a_bert(tmp_path):
    pooler = {f"bert/pooler/dense/{part}": None for part in ("kernel", "bias")}
    saved(tmp_path, *bert(**pooler, output_bias=np.float32(1)))
    report = convert(Source(tmp_path), tmp_path / "out", verified=True)
    assert report["architecture"] == "BertModel"
    assert report["left_out"] == {"output_bias": "head not asked for"}
    assert report["verified"]["tokens"] == 4


def test_slots_of_every_optimizer_are_known(tmp_path):
    slots = ("adam_m", "adam_v", "Adam", "Adam_1", "LAMB", "LAMB_1", "ExponentialMovingAverage", "Momentum")
    extra = {f"bert/pooler/dense/bias/{slot}": np.zeros(4) for slot in slots}
    saved(tmp_path, *bert(**extra, beta1_power=np.float32(1), global_step=np.float32(5)))
    left_out = convert(Source(tmp_path), tmp_path / "out")["left_out"]
    assert len(left_out) == len(slots) + 2
    assert set(left_out.values()) == {"optimizer slot", "moving average", "training counter"}
