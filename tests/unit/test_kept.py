"""What stays of token states on the host, once a task has said what it will look at."""

import gc
import weakref

import numpy as np
import pytest

from handler.poolings import POOLINGS
from handler.types import Output, Reduced


def outputs(*lengths):
    generator = np.random.default_rng(0)
    states = generator.standard_normal((sum(lengths), 5), dtype=np.float32)
    pooled = generator.standard_normal((len(lengths), 5), dtype=np.float32)
    parts = np.split(states, np.cumsum(lengths)[:-1])
    return [Output(hidden, row) for hidden, row in zip(parts, pooled, strict=True)], weakref.ref(states)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_vector_stays_to_the_last_bit_and_the_states_go(pooling):
    reading = POOLINGS[pooling]
    whole, states = outputs(4, 1, 7)
    want = reading.of(whole)
    kept = [output.keep_for(reading) for output in whole]
    assert np.array_equal(reading.of(kept), want)
    assert list(map(len, kept)) == [4, 1, 7]
    del whole
    gc.collect()
    assert states() is None


def test_what_was_kept_for_one_reading_answers_no_other():
    (output,), _ = outputs(3)
    kept = output.keep_for(POOLINGS["mean"])
    assert isinstance(kept, Reduced)
    with pytest.raises(AssertionError):
        POOLINGS["max"].of([kept])
    assert output.keep_for(None) is output


def test_without_a_pooler_nothing_fails_before_its_own_request_is_answered():
    output = Output(np.zeros((2, 5), dtype=np.float32), None)
    assert output.keep_for(POOLINGS["pooler"]) is output
