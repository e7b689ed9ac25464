"""The small part of `python -m tests.hostile.cross_encoders`: each layout and activation, on one family each."""

import json

import pytest

from scripts.console import Failure
from scripts.sources import checkpoint as checkpoints
from tests import heads
from tests.hostile.cross_encoders import ACTIVATIONS, DIFFERENT, EQUAL, REFUSED, Case, run

SERVED = ACTIVATIONS[:-1]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    layouts = "sbert_ce_default_activation_function", "sentence_transformers", "modules.json"
    chosen = [Case("Bert", layouts[number % 3], 1, name) for number, name in enumerate(ACTIVATIONS)]
    chosen += [Case("Electra", layout, 3, "Softplus") for layout in layouts[1:]]
    chosen += [Case("Roberta", "plain", 1), Case("DebertaV2", "modules.json", 1, "Tanh")]
    return {(case.family, case.activation): said for case, said, _ in run(chosen, tmp_path_factory.mktemp("folders"))}


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")  # of theirs, whose Softmax names none
def test_cross_encoders_rank_as_sentence_transformers_or_are_refused(found):
    assert DIFFERENT not in found.values()
    assert [found["Bert", name] for name in SERVED] == [EQUAL] * len(SERVED)
    assert found["Bert", ACTIVATIONS[-1]] == REFUSED
    assert found["Electra", "Softplus"] == found["Roberta", ""] == found["DebertaV2", "Tanh"] == EQUAL


def test_an_activation_of_somebody_else_is_refused(tmp_path, tokenizer):
    folder = heads.save(tmp_path / "model", "Bert", "ForSequenceClassification", tokenizer, **heads.labels(["score"]))
    config = json.loads((folder / "config.json").read_text())
    written = config | {"sentence_transformers": {"activation_fn": "somebody.Sigmoid"}}
    (folder / "config.json").write_text(json.dumps(written))
    with pytest.raises(Failure, match=r"applies somebody\.Sigmoid to its scores"):
        checkpoints.read(folder)
