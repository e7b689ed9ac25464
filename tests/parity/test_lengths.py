"""The small part of `python -m tests.hostile.lengths`: families whose positions, padding or limit are special."""

import pytest

from scripts.sources import checkpoint as checkpoints
from tests.hostile import laid_out
from tests.hostile.lengths import checks, families


@pytest.mark.parametrize(("name", "runtime"), [("XLMRoberta", "native"), ("Esm", "eager"), ("ConvBert", "eager")])
def test_texts_of_every_length_are_answered_as_transformers_cuts_them(tmp_path, name, runtime):
    folder = families.save(name, tmp_path / "model")
    pipeline = laid_out.load(folder, tmp_path / "archive", runtime=runtime)
    assert not list(checks.texts(pipeline, folder))
    other = families.save(name, tmp_path / "other", layer_norm_eps=0.1)
    assert next(checks.texts(pipeline, other)).startswith("1 words, right, alone: ")


def test_pairs_of_every_two_lengths_are_answered_as_transformers_cuts_them(tmp_path):
    folder = families.save("Roberta", tmp_path / "model", "ForSequenceClassification", num_labels=3)
    assert not list(checks.pairs(laid_out.load(folder, tmp_path / "archive", runtime="native"), folder))


def test_a_length_that_nobody_says_is_512(tmp_path):
    checkpoint = checkpoints.read(families.save("Funnel", tmp_path / "model"))
    assert (checkpoint.max_length, checkpoint.positions) == (512, None)
