"""Threads beside the one that computes a batch: where they run, and that they rest while a core is needed."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ctypes import addressof
from pathlib import Path
from queue import Queue
from random import Random
from threading import get_native_id
from types import SimpleNamespace

import numpy as np
import pytest

from handler import kernels
from handler.kernels.structures import Batch, Model
from handler.runtimes.base import Placement
from handler.runtimes.helpers import ThreadPool, current_core
from handler.runtimes.native import Native
from handler.share import Share
from scripts.packing import engines
from scripts.sources import checkpoint as checkpoints
from tests.conftest import encoding
from tests.e2e.conftest import wait_for

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


@pytest.mark.skipif(current_core is None, reason="only Linux says how often a thread has slept")
def test_a_thread_that_is_one_too_many_rests_until_it_is_none(shared, monkeypatch):
    alone, passes = shared.run(sequences()), []
    shared.share.threads.value = 2
    monkeypatch.setattr(shared.pool, "count", 1)

    def run(batch, threads, kept):
        """The helper's part alone: it has to do everything, once it may."""
        shared.share.threads.value = 1
        tid = Queue()
        encode = shared.pool.library.encode
        with ThreadPoolExecutor(1) as pool:
            helper = pool.submit(
                lambda: (tid.put(get_native_id()), encode(addressof(shared.model), addressof(batch), 1))
            )
            status = Path(f"/proc/self/task/{tid.get()}/status")
            try:
                wait_for(lambda: int(status.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0]) > 5, "rest")
                passes.append((threads, helper.done(), batch.over))
            finally:
                shared.share.threads.value = 2
        passes.append(batch.over)

    monkeypatch.setattr(shared.pool, "run", run)
    assert difference(alone, shared.run(sequences())) == 0
    assert passes == [(2, False, 0), 1]


def test_helpers_take_part_and_end_with_their_pool(shared):
    joined, real = [], shared.pool.library

    def run(helpers, batch):
        looking = real.run(helpers, batch)
        joined.append(Batch.from_address(batch).joined)
        return looking

    shared.pool = ThreadPool(SimpleNamespace(help=real.help, run=run, end=real.end), shared.model, 2)
    shared.share.threads.value = 2
    wait_for(lambda: shared.run(sequences() * 10) and joined[-1], "a helper in time")
    tasks = [Path(f"/proc/self/task/{thread}") for thread in shared.pool.threads]
    assert [task.exists() for task in tasks] == [True, True]
    del shared.pool
    wait_for(lambda: not any(task.exists() for task in tasks), "their end")


class Kernels:
    """In the place of the library: what is run, and whether a helper may still look at it, as told."""

    def __init__(self, *looking):
        self.looking, self.helpers, self.ended = list(looking), [], Queue()

    def help(self, helpers):
        self.ended.get()

    def run(self, helpers, batch):
        self.helpers.append(Batch.from_address(batch).helpers)
        return self.looking.pop(0)

    def encode(self, model, batch, thread):
        self.helpers.append(0)

    def end(self, helpers, count):
        for _ in range(count):
            self.ended.put(None)


def test_a_batch_stays_as_long_as_a_helper_may_look_at_it():
    """Also over passes without helpers, which say nothing of earlier ones."""
    library = Kernels(1, 1, 0)
    pool, kept = ThreadPool(library, Model(), 3), []
    for number, threads in enumerate((4, 1, 2, 1, 3, 1)):
        pool.run(Batch(), threads, number)
        kept.append([what for _, what in pool.kept])
    assert kept == [[0], [0], [0, 2], [0, 2], [], []]
    assert library.helpers == [3, 0, 1, 0, 2, 0]
    tasks = [Path(f"/proc/self/task/{thread}") for thread in pool.threads]
    del pool
    wait_for(lambda: not any(task.exists() for task in tasks), "their end")


BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
"""Computes until it is ended, or whoever started it has died."""


@contextmanager
def busy_cores():
    """A process on each core that does nothing but compute."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_helpers_that_rest_while_others_compute_see_no_memory_that_is_gone(shared):
    """As on a busy machine: a helper is still in one pass when the next ones have run with one thread."""
    texts = [[one] * count for one in sequences() for count in (1, 3, 20)]
    alone, random = [shared.run(each) for each in texts], Random(0)
    with busy_cores():
        for _ in range(2000):
            shared.share.threads.value = random.choice((1, 1, 2))
            number = random.randrange(len(texts))
            assert difference(alone[number], shared.run(texts[number])) == 0


def test_threads_that_come_and_go_change_no_bit(shared):
    alone = shared.run(sequences())
    shared.pool = ThreadPool(shared.pool.library, shared.model, 3)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: [difference(alone, shared.run(sequences())) for _ in range(300)])
        while not running.done():
            for threads in (4, 1, 3, 2):
                shared.share.threads.value = threads
    assert running.result() == [0] * 300


@pytest.mark.skipif(current_core is None, reason="only Linux says on which core a thread runs")
def test_helpers_are_kept_off_the_core_of_whoever_calls():
    here, pool = os.sched_getaffinity(0), ThreadPool(Kernels(0, 0), Model(), 2)
    pool.run(Batch(), 1, None)
    assert pool.allowed == set()  # nobody helps
    pool.run(Batch(), 3, None)
    assert len(pool.allowed) == len(here) - 1
    for core in sorted(here):
        pool.avoid(core)
        others = here - {core} or here  # of one core all share it
        assert [os.sched_getaffinity(thread) for thread in pool.threads] == [others] * 2
    assert os.sched_getaffinity(0) == here
