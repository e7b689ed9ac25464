"""When a Java is asked to give memory back: as it grows, and less and less often where that does not help."""

from itertools import islice

import psutil
import pytest

from scripts.server import java_memory

ME = psutil.Process()


@pytest.fixture
def java(monkeypatch):
    """A process whose memory is `now`, of which `used` stays; and the looks at which it collected."""

    class Java:
        now, used, look = 240, 100, 0

        def __init__(self):
            self.collected = []

        def collect(self, _):
            self.collected.append(self.look)
            self.now = self.used
            return self.now

        def looks(self, count):
            for _ in islice(self.steps, count):
                self.look += 1
            return self.collected

    made = Java()
    monkeypatch.setattr(java_memory, "collect", made.collect)
    monkeypatch.setattr(java_memory, "resident", lambda _: made.now)
    made.steps = java_memory.looking(ME)
    return made


def test_one_that_stays_as_it_is_collects_once(java):
    assert java.looks(100) == [0]
    java.now = 124
    assert java.looks(100) == [0]


def test_one_that_grows_collects(java):
    java.looks(3)
    java.now = 126
    assert java.looks(1) == [0, 3]
    assert java.now == 100


def test_what_is_in_use_is_tried_again_less_and_less_often(java):
    java.looks(1)
    java.now = java.used = 200
    assert java.looks(40) == [0, 1, 3, 7, 15, 31]
    java.used = 110
    assert java.looks(40)[-1] == 63
    java.now = 200
    assert java.looks(1)[-1] == 81


def test_one_without_jcmd_is_left_alone():
    assert list(java_memory.looking(ME)) == []
