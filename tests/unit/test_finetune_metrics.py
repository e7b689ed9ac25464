"""Figures of guesses: of labels as scikit-learn has them, of entities as counted by hand."""

import numpy as np
import pytest
from sklearn import metrics as reference

from scripts.finetuning.examples import Entity
from scripts.finetuning.metrics import of_entities, of_labels

NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_as_in_scikit_learn(seed):
    numbers = np.random.default_rng(seed)
    true = [NAMES[number] for number in [0, 1, 2, 3, *numbers.integers(0, 4, 40)]]
    guessed = [NAMES[number] for number in numbers.integers(0, 2 + seed % 3, 44)]  # some labels are never guessed
    got = of_labels(true, guessed, NAMES)
    assert got["accuracy"] == pytest.approx(reference.accuracy_score(true, guessed))
    assert got["macro_f1"] == pytest.approx(reference.f1_score(true, guessed, average="macro", zero_division=0))
    assert got["confusion"] == reference.confusion_matrix(true, guessed, labels=NAMES).tolist()
    want = reference.precision_recall_fscore_support(true, guessed, labels=NAMES, zero_division=0)
    rows = [[row[key] for row in got["labels"].values()] for key in ("precision", "recall", "f1", "support")]
    np.testing.assert_allclose(rows, want)


def test_the_majority():
    assert of_labels(["b", "a", "b", "b"], ["a"] * 4, ["a", "b"])["majority"] == {"label": "b", "share": 0.75}


def test_entities_count_only_when_exact():
    true = [[Entity(0, 3, "PER"), Entity(5, 9, "LOC")], [Entity(0, 4, "LOC")], []]
    guessed = [[Entity(0, 3, "PER"), Entity(5, 8, "LOC")], [Entity(0, 4, "PER")], [Entity(1, 2, "LOC")]]
    got = of_entities(true, guessed, ["LOC", "PER", "ORG"])
    assert got["labels"]["PER"] == {"precision": 1 / 2, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert got["labels"]["LOC"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 2}
    assert got["labels"]["ORG"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert (got["precision"], got["recall"], got["support"]) == (1 / 4, 1 / 3, 3)
    assert got["f1"] == pytest.approx(2 / 7)
    assert got["macro_f1"] == pytest.approx(2 / 9)
