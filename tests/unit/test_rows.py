"""JSON of vectors, of which equal ones are written once."""

import numpy as np
import orjson
import pytest

from handler.protocols import base

RANDOM = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
EQUAL = RANDOM[[0, 1, 0, 0, 4]]


@pytest.mark.parametrize(
    "vectors", [RANDOM, EQUAL, (EQUAL * 50).astype(np.int8), EQUAL[:0], np.float32([[0.0], [-0.0]])]
)
def test_it_is_the_json_of_numpys_arrays(vectors):
    plain = orjson.dumps(vectors, option=orjson.OPT_SERIALIZE_NUMPY)
    assert base.dump(vectors) == plain
    assert base.dump({"data": base.rows(vectors)}) == b'{"data":%b}' % plain


def test_equal_vectors_are_written_once():
    first, second, third, fourth, fifth = base.rows(EQUAL)
    assert first is third is fourth
    assert len({*map(id, (first, second, fifth))}) == 3


def test_base64_is_taken_as_it_is():
    assert base.dump(base.rows(["YQ==", "Yg==", "YQ=="])) == b'["YQ==","Yg==","YQ=="]'
