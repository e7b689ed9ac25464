import numpy as np
import pytest

from handler.call import Output
from handler.errors import Invalid
from handler.tasks.embedding import binary, int8, shortened
from handler.tasks.vectors import pooled, unit


def test_int8_keeps_cosines():
    vectors = np.random.default_rng(0).normal(size=(50, 384)).astype(np.float32)
    whole, rounded = unit(vectors), unit(int8(vectors).astype(np.float32))
    assert np.abs(whole @ whole.T - rounded @ rounded.T).max() < 0.01


def test_int8_and_unit_of_a_zero_vector():
    zero = np.zeros((1, 4), dtype=np.float32)
    assert int8(zero).tolist() == [[0, 0, 0, 0]]
    assert unit(zero).tolist() == [[0, 0, 0, 0]]


def test_binary_is_that_of_sentence_transformers(reference):
    vectors = np.asarray(reference["embeddings"], dtype=np.float32)
    assert binary(vectors).tolist() == reference["binary"]


def test_too_many_dimensions_name_both_numbers():
    with pytest.raises(Invalid, match="is 5, the model has 4"):
        shortened(np.zeros((1, 4), dtype=np.float32), 5)


def test_a_checkpoint_without_pooler_says_so():
    with pytest.raises(Invalid, match="no pooler"):
        pooled([[Output(np.zeros((2, 4), dtype=np.float32), None)]], "pooler")
