"""The small part of `python -m tests.hostile.damaged`, and what it taught."""

import subprocess
import sys
from random import Random

import pytest

from handler.config import ORIGIN
from scripts.console import Failure
from scripts.files import provenance
from scripts.finetuning import finetune as tuner
from scripts.paths import ROOT
from scripts.sources import damage
from tests import folders
from tests.hostile.configurations.mutations import alter
from tests.hostile.damaged import conversions, examples, weights
from tests.layouts.layout import edit


def test_damaged_files_work_or_are_refused_in_words():
    command = [sys.executable, "-m", "tests.hostile.damaged", "--count", "24"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert "| files | done | refused | FAULT |" in result.stdout


def test_damage_comes_from_its_seed(tiny, tmp_path):
    for number, make in enumerate((conversions.make, examples.make)):
        one, other = (tmp_path / f"{number}{name}" for name in "ab")
        assert make(one, Random(3)) == make(other, Random(3))
        assert [file.name for file in sorted(one.iterdir())] == [file.name for file in sorted(other.iterdir())]


@pytest.fixture
def training(tmp_path):
    data = weights.good(tmp_path)

    def train(folder):
        settings = tuner.Settings("text-classification", epochs=1, max_length=16)
        try:
            tuner.finetune(data, str(folder), tmp_path / "out", settings)
        finally:
            assert not (tmp_path / ".out-training").exists()

    return train


def test_a_model_that_does_not_run_leaves_no_training_behind(tiny, tmp_path, training):
    folder = folders.pickled(tiny, tmp_path / "model")
    edit(folder / "config.json", classifier_dropout=float("nan"))
    with pytest.raises(Failure, match="BertForSequenceClassification does not run a batch of"):
        training(folder)


def test_a_pickle_with_more_than_tensors_is_not_trained(tiny, tmp_path, training):
    folder = folders.pickled(tiny, tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02cos\nsystem\nq\x00.")
    with pytest.raises(Failure, match="holds more than tensors, or was cut off"):
        training(folder)


@pytest.mark.parametrize("content", [b"[" * 99_999, b'{"x":' * 99_999])
def test_headers_without_an_end(tmp_path, content):
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(content).to_bytes(8, "little") + content)
    with pytest.raises(Failure, match="no whole header"):
        damage.check(file)


@pytest.mark.parametrize("content", [b'{"source": "\xe7"}', b'{"x":' * 99_999, b"[]"])
def test_a_note_of_the_origin_that_is_none(tmp_path, content, capsys):
    (tmp_path / ORIGIN).write_bytes(content)
    assert provenance.read(tmp_path).source == tmp_path.name
    assert "is not read" in capsys.readouterr().err


def test_values_come_from_their_seed():
    assert alter(one := {"a": 1}, "a", Random(1)) == alter(other := {"a": 1}, "a", Random(1))
    assert str(one) == str(other)
