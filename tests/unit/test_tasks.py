import numpy as np
import pytest

from handler.errors import Invalid
from handler.tasks.embedding import binary, int8, shortened
from handler.tasks.scores import top_k_indices
from handler.tasks.vectors import l2_normalize, pooled
from handler.truncation import chunk_by_size
from handler.types import Output


def test_int8_keeps_cosines():
    vectors = np.random.default_rng(0).normal(size=(50, 384)).astype(np.float32)
    whole, rounded = l2_normalize(vectors), l2_normalize(int8(vectors).astype(np.float32))
    assert np.abs(whole @ whole.T - rounded @ rounded.T).max() < 0.01


def test_int8_and_unit_of_a_zero_vector():
    zero = np.zeros((1, 4), dtype=np.float32)
    assert int8(zero).tolist() == [[0, 0, 0, 0]]
    assert l2_normalize(zero).tolist() == [[0, 0, 0, 0]]


def test_binary_is_that_of_sentence_transformers(reference):
    vectors = np.asarray(reference["embeddings"], dtype=np.float32)
    assert binary(vectors).tolist() == reference["binary"]


def test_too_many_dimensions_name_both_numbers():
    with pytest.raises(Invalid, match="is 5, the model has 4"):
        shortened(np.zeros((1, 4), dtype=np.float32), 5)


def test_a_checkpoint_without_pooler_says_so():
    with pytest.raises(Invalid, match="no pooler"):
        pooled([[Output(np.zeros((2, 4), dtype=np.float32), None)]], "pooler")


@pytest.mark.parametrize("count", [1, 7, 499, 500, 501, None])
def test_the_largest_are_those_of_a_stable_sort(count):
    numbers = np.random.default_rng(0)
    many = numbers.normal(size=500).astype(np.float32)
    few = numbers.integers(0, 4, 500).astype(np.float32)  # with equal ones
    for values in (many, few, np.zeros_like(few), np.where(few == 0, np.nan, many), np.where(few == 0, many, np.nan)):
        assert top_k_indices(values, count).tolist() == np.argsort(-values, kind="stable")[:count].tolist()


def test_portions_are_full_and_in_order():
    assert list(chunk_by_size([1, 2, 9, 1, 1, 1, 1], int, 3)) == [[1, 2], [9], [1, 1, 1], [1]]
    assert list(chunk_by_size([], int, 3)) == []
