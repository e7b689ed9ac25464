"""Processes that compute: calls, failures, and deaths."""

import os
import signal
from contextlib import contextmanager
from functools import partial

import pytest

from scripts.bulk.places.processes import Workers
from scripts.console import Failure


@contextmanager
def holding(value):
    yield value


@contextmanager
def broken():
    raise Failure("no archive", fix="pack one")
    yield


def add(held, number):
    return held + number


def fail(held, error):
    raise error


def die(held):
    os.kill(os.getpid(), signal.SIGKILL)


def test_calls_and_what_they_raise():
    with Workers([partial(holding, 10)] * 2) as workers:
        assert workers.call(add, 1) == 11
        assert sorted(workers.map(add, ((n,) for n in range(50)))) == list(range(10, 60))
        with pytest.raises(Failure) as failure:
            workers.call(fail, Failure("this", fix="that"))
        assert (failure.value.what, failure.value.fix) == ("this", "that")
        with pytest.raises(Failure) as failure:
            workers.call(fail, ValueError("a secret text"))
        assert failure.value.what == "ValueError in a process that computes"
        assert "test_bulk_processes" in failure.value.why
        assert "secret" not in failure.value.why
        with pytest.raises(Failure, match="ended with signal 9"):
            workers.call(die)
        with pytest.raises(Failure, match="ended with signal 9"):
            workers.call(add, 1)


def test_no_more_processes_than_calls():
    with Workers([partial(holding, 10)] * 100) as workers:
        assert sorted(workers.map(add, ((n,) for n in range(2)))) == [10, 11]
        assert len(workers.all) == 2


def test_what_cannot_be_opened_is_said():
    with Workers([broken]) as workers, pytest.raises(Failure, match="no archive"):
        workers.call(add, 1)
