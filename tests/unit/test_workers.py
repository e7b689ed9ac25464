import fcntl
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from handler import workers as module
from handler.other_workers import OtherWorkers
from handler.workers import WorkerRegistry

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "wb")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(module, "cores", lambda: 8)


@pytest.fixture
def other(tmp_path):
    """Start processes that hold a worker's lock; a living process gives the id."""
    processes = []

    def hold(model):
        file = tmp_path / f"{model}.{os.getppid()}"
        process = subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"held\n"
        processes.append(process)

    yield hold
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def threads(workers, requests=1):
    with workers.acquire_threads(requests) as number:
        return number


def test_a_worker_alone_has_all_cores(tmp_path):
    assert threads(WorkerRegistry("bert", tmp_path, 0, 1)) == 8
    assert threads(WorkerRegistry("bert", tmp_path, 0, 1), requests=9) == 8


def test_cores_are_shared_with_a_busy_worker_of_any_model(tmp_path, other):
    other("else")
    assert threads(WorkerRegistry("bert", tmp_path, 0, 1)) == 4


def test_an_idle_worker_of_the_same_model_counts_once_requests_queue(tmp_path):
    (tmp_path / f"bert.{os.getppid()}").touch()
    (tmp_path / f"else.{os.getppid()}").touch()
    workers = WorkerRegistry("bert", tmp_path, 0, 1)
    assert threads(workers, requests=1) == 8
    assert threads(workers, requests=2) == 4


def test_workers_that_ended_do_not_count(tmp_path):
    (tmp_path / f"bert.{2**22 + 1}").touch()
    assert threads(WorkerRegistry("bert", tmp_path, 0, 1), requests=2) == 8


def test_a_worker_that_computes_makes_room_for_another_and_gets_it_back(tmp_path):
    first, second, third = (WorkerRegistry(name, tmp_path, 0, 1) for name in ("bert", "else", "more"))
    shares = [each.share.threads for each in (first, second, third)]
    with first.acquire_threads(1) as of_first:
        assert (of_first, shares[0].value) == (8, 8)
        with second.acquire_threads(1) as of_second:
            assert (of_second, shares[0].value) == (4, 4)
            with third.acquire_threads(1) as of_third:
                assert (of_third, [each.value for each in shares]) == (2, [2, 2, 2])
            assert [each.value for each in shares[:2]] == [4, 4]
        assert shares[0].value == 8
        with pytest.raises(KeyError), second.acquire_threads(1):
            raise KeyError
        assert shares[0].value == 8


def test_who_began_alone_gives_its_cores_to_others_too(tmp_path):
    first, second = (WorkerRegistry(name, tmp_path, 0, 1) for name in ("bert", "else"))
    with ExitStack() as stack:
        stack.enter_context(first.acquire_threads(5))
        with second.acquire_threads(1):
            assert (first.share.threads.value, second.share.threads.value) == (4, 4)
            stack.close()
            assert second.share.threads.value == 8


def test_a_worker_without_a_share_is_let_alone(tmp_path):
    fixed, other = WorkerRegistry("bert", tmp_path, 3, 1), WorkerRegistry("else", tmp_path, 0, 1)
    with fixed.acquire_threads(1) as threads, other.acquire_threads(1) as of_other:
        assert (threads, of_other) == (3, 4)
        assert (tmp_path / fixed.name).read_bytes() == b""
        assert fixed.share is None


def test_workers_that_come_and_go_are_seen(tmp_path):
    first = WorkerRegistry("bert", tmp_path, 0, 1)
    os.utime(tmp_path, (1, 1))  # as long after the last change
    assert (threads(first), threads(first)) == (8, 8)
    second = WorkerRegistry("else", tmp_path, 0, 1)
    for _ in range(2):
        with second.acquire_threads(1):
            assert threads(first) == 4
        assert threads(first) == 8
        os.utime(tmp_path, (2, 2))
    (tmp_path / second.name).unlink()
    assert threads(first) == 8


def test_a_change_that_a_young_folder_does_not_show_is_seen(tmp_path):
    others, now = OtherWorkers(tmp_path, tmp_path / "bert.1"), time.time_ns()
    for name in (f"else.{os.getpid()}", f"else.{os.getppid()}"):
        (tmp_path / name).touch()
        os.utime(tmp_path, ns=(now, now))
        assert tmp_path / name in others.files()


def test_files_of_workers_that_went_are_closed(tmp_path):
    others = OtherWorkers(tmp_path, tmp_path / "bert.1")
    gone, there = (tmp_path / f"else.{pid}" for pid in (os.getpid(), os.getppid()))
    gone.touch()
    there.touch()
    before = {*others.files().values()}
    gone.unlink()
    assert [*others.files()] == [there]
    assert {*others.files().values()} < before  # numbers that are free are given again
    for name in (f"else.{2**22 + 1}", "else.1.swp", "nothing"):
        (tmp_path / name).touch()
    assert [*others.files()] == [there]  # a dead worker's file stays, and none is open for it
    others.close()
    assert not others.open


def test_a_worker_with_the_id_of_a_dead_one_is_seen(tmp_path):
    dead = tmp_path / f"bert.{os.getpid()}"
    dead.write_bytes(b"left")
    os.utime(tmp_path, (1, 1))
    WorkerRegistry("bert", tmp_path, 3, 1)
    assert dead.read_bytes() == b""
    assert tmp_path.stat().st_mtime != 1


def test_a_fixed_number_stays(tmp_path):
    assert threads(WorkerRegistry("bert", tmp_path, 3, 1), requests=5) == 3


def test_without_locks_the_archives_own_workers_share():
    assert threads(WorkerRegistry("bert", None, 0, 4)) == 2
    assert threads(WorkerRegistry("bert", None, 0, 16)) == 1


def test_a_worker_that_is_to_leave_waits_until_whoever_asked_is_gone(tmp_path):
    (tmp_path / "locks").mkdir()
    workers = WorkerRegistry("bert", tmp_path / "locks", 0, 1)
    workers.wait_if_draining()  # nobody has asked
    note = module.drain_notes(tmp_path / "locks") / workers.name
    note.parent.mkdir()
    with ThreadPoolExecutor(1) as pool:
        with note.open("wb") as asked:
            fcntl.flock(asked, fcntl.LOCK_EX)
            left = pool.submit(workers.wait_if_draining)
            while note.read_bytes() != module.WAITING:
                assert not left.done()
            assert not left.done()
        assert left.result(timeout=10) is None
