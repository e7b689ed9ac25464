"""Advice as commands, and the part of `python -m tests.remedies` that needs no copy of the project."""

import json
import shutil

import pytest
import torch

from scripts.console import Failure
from scripts.sources import pickles
from tests import folders
from tests.advice import run
from tests.remedies import foreign
from tests.remedies.commands import commands


@pytest.mark.parametrize(
    ("fix", "steps"),
    [
        ("scripts/bert pack x", ["scripts/bert pack x"]),
        ("unzip x -d y", ["unzip x -d y", "PACK"]),
        ("if these are all of them: mv 'a: b' c", ["mv 'a: b' c", "PACK"]),
        ("p -m pip install s, then the same command again", ["p -m pip install s", "PACK"]),
        ("p -c 'import sys; x' && y, then scripts/bert pack z", ["p -c 'import sys; x' && y", "scripts/bert pack z"]),
        ("a, then scripts/bert pack z; the same with query, if it has one", ["a", "scripts/bert pack z"]),
        ('take what it was made from: scripts/bert pack "$(b)"', ['scripts/bert pack "$(b)"']),
    ],
)
def test_advice_as_commands(fix, steps):
    assert commands(fix, "PACK") == steps


@pytest.mark.parametrize("make", [foreign.training_state, foreign.pickled_model])
def test_pickles_of_more_than_tensors(tiny, tmp_path, make):
    folder = tmp_path / "it's mine"
    make(tiny, folder, None)
    file = folder / "pytorch_model.bin"
    with pytest.raises(Failure, match="holds") as caught:
        pickles.load(file)
    (command,) = commands(caught.value.fix, "PACK")[:-1]
    run(command)
    want = folders.pickled(tiny, tmp_path / "whole") / "pytorch_model.bin"
    found, wanted = pickles.load(file), pickles.load(want)
    assert wanted.keys() <= found.keys()
    assert all(torch.equal(found[name], each) for name, each in wanted.items())


def test_a_pickle_without_tensors(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "pytorch_model.bin")
    with pytest.raises(Failure, match="other things than tensors by name") as caught:
        pickles.load(tmp_path / "pytorch_model.bin")
    assert caught.value.fix == "save model.state_dict()"


def test_a_tokenizer_of_the_base_model(tiny, tmp_path):
    from scripts.sources import checkpoint as checkpoints

    folder = tmp_path / "it's mine"
    shutil.copytree(tiny, folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / name).unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text()) | {"_name_or_path": str(tiny)}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(Failure, match="has no tokenizer") as caught:
        checkpoints.read(folder)
    run(commands(caught.value.fix, "PACK")[0])
    assert checkpoints.read(folder).max_length == checkpoints.read(tiny).max_length
