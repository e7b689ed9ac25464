"""Differences of answers by hand."""

import math

import pytest

from benchmarks.gpu.parity.differences import MEASURES
from benchmarks.gpu.parity.tally import Tally


def test_differences_by_hand():
    tally = Tally()
    tally.vectors([[3.0, 4.0], [0.0, 2.0]], [[3.0, 4.5], [0.0, 2.5]])
    assert tally.largest == 0.25
    tally.numbers([1.0, None], [1.0, 2.0])
    assert math.isinf(tally.largest)
    with pytest.raises(ValueError, match="numbers instead of"):
        tally.numbers([1.0], [1.0, 2.0])


def test_an_entry_that_the_other_side_lacks_counts_from_its_last_one():
    tally = Tally()
    tally.ranked({"a": 0.5, "b": 0.21}, {"a": 0.5, "c": 0.2})
    assert tally.largest == pytest.approx(0.01)
    assert (tally.entries, tally.ties) == (3, 2)
    tally.ranked({"a": 0.5, "b": 0.21}, {"a": 0.5})
    assert tally.largest == pytest.approx(0.21)


def test_another_label_is_near_only_where_two_are_about_as_likely():
    def normalized_embeddings(score, found):
        tally = Tally()
        items = [[[{"entity": label, "score": number, "start": 0, "end": 1}]] for label, number in (score, found)]
        MEASURES["token-classification"](tally, {"aggregation_strategy": "none"}, *items)
        return tally.largest

    assert normalized_embeddings(("A", 0.4), ("B", 0.401)) == pytest.approx(0.001)
    assert normalized_embeddings(("A", 0.9), ("B", 0.9)) == pytest.approx(0.8)


def test_few_entities_may_have_other_borders():
    assert Tally(entries=100, unmatched=10).within(1e-2)
    assert not Tally(entries=100, unmatched=11).within(1e-2)
    assert not Tally(largest=0.011).within(1e-2)
