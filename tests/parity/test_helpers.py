"""Threads beside the one that computes a batch: where they run, and that they leave when a core is needed."""

import os
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_long

import numpy as np
import pytest

from handler import kernels
from handler.kernels.structures import REGION, Batch
from handler.runtimes.base import Placement
from handler.runtimes.helpers import ThreadPool, current_core
from handler.runtimes.native import Native
from handler.share import Share
from scripts.packing import engines
from scripts.sources import checkpoint as checkpoints
from tests.conftest import encoding

pytestmark = pytest.mark.skipif(not kernels.detect_isa(), reason="this CPU has no kernels")


def sequences():
    """Of several lengths."""
    generator = np.random.default_rng(0)
    return [encoding(*map(int, generator.integers(1, 30, length))) for length in (1, 2, 5, 31, 40)]


def difference(ours, theirs):
    return max(float(np.abs(left.hidden - right.hidden).max()) for left, right in zip(ours, theirs, strict=True))


@pytest.fixture
def shared(tiny, tmp_path):
    """A runtime whose threads are as many as its share, which is one at first."""
    engines.write(checkpoints.read(tiny), tmp_path, "native", "float32")
    runtime = Native(tmp_path, Placement("cpu", "float32"))
    with (tmp_path / "lock").open("w+b", buffering=0) as file:
        runtime.share = Share(file.fileno())
    return runtime


def test_a_thread_that_is_one_too_many_claims_nothing(shared, monkeypatch):
    alone, claimed = shared.run(sequences()), []
    shared.use_threads(2)

    def run(encode, model, batch, threads):
        place = Batch.from_address(batch).regions
        encode(model, batch, 1)
        claimed.append(np.array((c_long * (shared.regions * REGION)).from_address(place)).any())
        encode(model, batch, 0)

    monkeypatch.setattr(shared.pool, "run", run)
    assert difference(alone, shared.run(sequences())) == 0
    shared.share.threads.value = 2
    assert difference(alone, shared.run(sequences())) == 0
    assert claimed == [False, True]


def test_threads_that_come_and_go_change_no_bit(shared):
    alone = shared.run(sequences())
    shared.pool = ThreadPool(3)
    shared.use_threads(4)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: [difference(alone, shared.run(sequences())) for _ in range(300)])
        while not running.done():
            for threads in (4, 1, 3, 2):
                shared.share.threads.value = threads
    assert running.result() == [0] * 300


@pytest.mark.skipif(current_core is None, reason="only Linux says on which core a thread runs")
def test_helpers_are_kept_off_the_core_of_whoever_calls():
    here, calls, pool = os.sched_getaffinity(0), [], ThreadPool(2)
    pool.run(lambda *arguments: calls.append(arguments), 0, 0, 1)
    assert pool.allowed == set()  # nobody helps
    pool.run(lambda *arguments: calls.append(arguments), 0, 0, 3)
    assert len(pool.allowed) == len(here) - 1
    for core in sorted(here):
        pool.avoid(core)
        others = here - {core} or here  # of one core all share it
        assert [os.sched_getaffinity(thread) for thread in pool.threads] == [others] * 2
    assert os.sched_getaffinity(0) == here
    assert (0, 0, 0) in calls
