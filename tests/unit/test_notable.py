"""Slow and failed requests: what a worker keeps, and what `bert slow` makes of the files of several."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from handler.observability import notable as kept
from handler.observability.record import Record
from scripts.server import notable

BEGIN = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()


def record(number, total, error=None, queue=None):
    time = datetime.fromtimestamp(BEGIN + number, UTC)
    stages = {"decode": 0.1, "tokenize": total / 4, "forward": total / 2}
    status = 422 if error else 200
    ids = (f"server-{number}", f"mine-{number}" if number % 2 else None, None)
    whose = ("http", "bert", "1.0", os.getpid(), "", "embedding")
    return Record(time, *ids, *whose, status, error, 1, 3, 0, 1, queue, stages, total)


@pytest.fixture
def locks(tmp_path):
    folder = tmp_path / "locks"
    folder.mkdir()
    return folder


def test_the_slowest_and_the_last_failures_stay(locks):
    worker = kept.Notable(locks, "bert")
    for number in range(100):
        worker.write([record(number, 100.0 - number, "invalid" if number % 2 else None)])
    (file,) = (locks.parent / "requests").iterdir()
    assert file.name == f"bert.{os.getpid()}.json"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    found = json.loads(file.read_bytes())
    assert [each["total_ms"] for each in found["slowest"]] == [100.0 - number for number in range(kept.KEPT)]
    assert [each["request_id"] for each in found["failed"]] == [f"server-{number}" for number in range(37, 100, 2)]


def test_the_time_at_a_gateway_counts(locks):
    worker = kept.Notable(locks, "bert")
    worker.write([record(0, 50.0), record(1, 1.0, queue=60.0)])
    assert [each["request_id"] for each in notable.read(worker.folder, 9)["slowest"]] == ["server-1", "server-0"]


def test_a_file_is_written_only_for_what_belongs_into_it(locks):
    worker = kept.Notable(locks, "bert")
    worker.write([record(number, 10.0) for number in range(kept.KEPT)])
    worker.file.unlink()
    worker.write([record(99, 1.0)])
    assert not worker.file.exists()
    worker.write([record(99, 11.0)])
    assert worker.file.exists()


def test_files_of_dead_workers_are_read_and_bounded(locks):
    first = kept.Notable(locks, "bert")
    first.write([record(0, 7.0)])
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = []
    for number in range(kept.DEAD + 4):
        dead.append(first.folder / f"m{number}.{child.pid}.json")
        dead[-1].write_bytes(b'{"slowest": [], "failed": []}')
        os.utime(dead[-1], (number, number))
    assert len(notable.read(first.folder, 9)["slowest"]) == 1
    kept.Notable(locks, "other")
    assert [file.exists() for file in dead] == [False] * 4 + [True] * kept.DEAD
    assert first.file.exists()


def test_files_of_several_workers_are_one_list(tmp_path, capsys):
    for name, numbers in (("a.1", (3, 1)), ("b.2", (4, 2))):
        records = [record(number, number * 10.0, "too_large") for number in numbers]
        (tmp_path / f"{name}.json").write_bytes(kept.msgspec.json.encode(kept.Found(records, records)))
    (tmp_path / "c.3.part").write_bytes(b"{")  # one that is being written
    found = notable.read(tmp_path, 3)
    assert [each["total_ms"] for each in found["slowest"]] == [40.0, 30.0, 20.0]
    assert [each["request_id"] for each in found["failed"]] == ["server-4", "server-3", "server-2"]
    notable.show("slowest", found["slowest"])
    notable.show("failed", [])
    shown = capsys.readouterr().out
    assert "mine-3" in shown
    assert "server-4" in shown
    assert "422 too_large" in shown
    assert "tokenize 10, forward 20" in shown
    assert "decode" not in shown
    assert "failed: none" in shown


def test_nothing_is_there_before_the_first_request(tmp_path):
    assert notable.read(tmp_path / "requests", 9) == {"slowest": [], "failed": []}
