import random

import pytest

from handler.batching import make_batches
from tests.conftest import encoding


def lengths(batches):
    return [[len(item) for item in batch.encodings] for batch in batches]


def sized(*sizes):
    return [encoding(*range(size)) for size in sizes]


def test_sorts_by_length_and_fills_the_budget():
    assert lengths(make_batches(sized(5, 1, 4, 2), 7, padded=False)) == [[1, 2, 4], [5]]


def test_a_padded_batch_costs_its_longest_times_its_size():
    assert lengths(make_batches(sized(2, 2, 3, 3), 6, padded=True)) == [[2, 2], [3, 3]]
    assert lengths(make_batches(sized(2, 2, 3), 8, padded=True)) == [[2, 2], [3]]


def test_a_large_enough_batch_ends_where_padding_would_be_more_than_half_of_its_tokens():
    short = [16] * 8
    assert lengths(make_batches(sized(*short[1:], 40), 1024, padded=True)) == [
        [*short[1:], 40]
    ]  # 112 tokens are too few
    assert lengths(make_batches(sized(*short, 40, 100), 1024, padded=True)) == [short, [40, 100]]
    assert lengths(make_batches(sized(*short, 40, 100), 1024, padded=False)) == [[*short, 40, 100]]


def test_a_sequence_over_the_budget_runs_alone():
    assert lengths(make_batches(sized(9, 1), 4, padded=False)) == [[1], [9]]


def test_nothing_gives_nothing():
    assert make_batches([], 10, padded=True) == []


@pytest.mark.parametrize("padded", [True, False])
def test_positions_lead_back_to_every_sequence_once(padded):
    rng = random.Random(0)
    encodings = sized(*(rng.randint(1, 40) for _ in range(200)))
    batches = make_batches(encodings, 64, padded)
    assert sorted(position for batch in batches for position in batch.positions) == list(range(200))
    for batch in batches:
        assert [encodings[position] for position in batch.positions] == batch.encodings
        cost = len(batch.encodings) * len(batch.encodings[-1]) if padded else sum(map(len, batch.encodings))
        assert cost <= 64
