"""What counts as a failed row of `python -m tests.hostile.traffic`."""

import pytest

from tests.hostile.traffic.__main__ import Row
from tests.hostile.traffic.ordinary import Ordinary


def row(lost=(), alone=0.2, worst=0.2, memory=1.0, replaced=0):
    during = Ordinary(9, list(lost), worst)
    return Row("an attack", "1 x 413", 2.0, Ordinary(9, [], alone), during, {"java": memory}, replaced)


def test_a_row_within_all_limits_is_good():
    assert row(worst=0.6, memory=1.5).faults() == []
    assert str(row()).endswith("| good")


@pytest.mark.parametrize(
    ("failed", "fault"),
    [
        (row(lost=["503"]), "1 ordinary requests lost"),
        (row(worst=0.61), "worst wait over 0.60 s"),
        (row(alone=0.5, worst=1.1), "worst wait over 1.00 s"),
        (row(memory=1.51), "memory of java x 1.5"),
        (row(replaced=2), "2 processes replaced"),
    ],
)
def test_each_limit_fails_a_row_by_itself(failed, fault):
    assert failed.faults() == [fault]
    assert f"FAILED: {fault}" in str(failed)
