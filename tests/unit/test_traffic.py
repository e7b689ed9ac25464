"""What counts as a failed row of `python -m tests.hostile.traffic`."""

from math import inf

import pytest

from tests.hostile.traffic.__main__ import Row
from tests.hostile.traffic.ordinary import Ordinary


def row(lost=(), p95=0.2, worst=0.2, memory=1.0, replaced=0):
    during = Ordinary([0.1] * 90 + [p95] * 10, list(lost), worst)
    alone, beside = Ordinary([0.1] * 9, [], 0.3), Ordinary([0.2] * 9, [], 0.3)
    return Row("an attack", "1 x 413", 2.0, 0.5, alone, during, beside, {"java": memory}, replaced)


def test_a_row_within_all_limits_is_good():
    assert row(p95=0.6, worst=1.0, memory=1.5).faults() == []
    assert "p95 200 ms (alone 100, with 50% of a core taken 200)" in str(row())
    assert str(row()).endswith("| good")


def test_answers_that_never_came_are_the_slowest():
    assert Ordinary([0.1] * 90, ["503"] * 10, 0.1).p95 == inf
    assert Ordinary([0.1] * 94 + [0.5] * 6, [], 0.5).p95 == 0.5


@pytest.mark.parametrize(
    ("failed", "fault"),
    [
        (row(lost=["503"]), "1 ordinary requests lost"),
        (row(p95=0.61), "p95 over 3 times as much"),
        (row(worst=1.1), "a wait over 1 s"),
        (row(memory=1.51), "memory of java x 1.5"),
        (row(replaced=2), "2 processes replaced"),
    ],
)
def test_each_limit_fails_a_row_by_itself(failed, fault):
    assert failed.faults() == [fault]
    assert f"FAILED: {fault}" in str(failed)
