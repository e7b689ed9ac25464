"""Spans of an answer: those of transformers' rule over all pairs of tokens, from a band of them."""

import numpy as np
import pytest

from handler.tasks.scores import top_k_indices
from handler.tasks.spans import Scored, Wanted


def of_all_pairs(scored: Scored, wanted: Wanted) -> list[tuple[int, int, float]]:
    """As `decode_spans` of transformers' question-answering pipeline has it: a matrix of the context's square."""
    begin, stop = scored.context.start, scored.context.stop
    start, end = scored.start[begin:stop], scored.end[begin:stop]
    joint = np.tril(np.triu(np.outer(start, end)), wanted.length - 1)
    places = np.unravel_index(top_k_indices(joint.ravel(), wanted.count), joint.shape)
    pairs = [(int(first), int(last)) for first, last in zip(*places, strict=True)]
    return [(first + begin, last + begin, float(joint[first, last])) for first, last in pairs if joint[first, last] > 0]


@pytest.mark.parametrize("distinct", [3, 1000])
@pytest.mark.parametrize("tokens", [1, 2, 14, 15, 16, 90])
def test_spans_are_those_of_all_pairs_with_ties_in_the_same_order(tokens, distinct):
    chooser = np.random.default_rng(tokens * distinct)
    for count, length in ((1, 15), (7, 1), (20, 15), (10_000, 15), (5, 400)):
        start, end = chooser.integers(0, distinct, (2, tokens + 4)).astype(np.float32) / distinct
        scored, wanted = Scored(start, end, 0.0, range(3, tokens + 3)), Wanted(count, length)
        assert list(scored.best(wanted)) == of_all_pairs(scored, wanted)


def test_memory_is_that_of_a_band():
    tokens = 1_000_000  # the square would be 4 TB
    start = np.zeros(tokens, dtype=np.float32)
    start[tokens - 1] = 0.5
    assert list(Scored(start, start, 0.0, range(tokens)).best(Wanted(1, 2))) == [(tokens - 1, tokens - 1, 0.25)]
