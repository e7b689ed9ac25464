"""The log of requests: whole lines of several workers in one file of a bounded size."""

import json
from concurrent.futures import ThreadPoolExecutor

from handler.observability import request_log
from tests.unit.test_notable import record


def lines(folder):
    return [json.loads(line) for file in folder.iterdir() for line in file.read_text().splitlines()]


def test_a_line_has_every_key_and_is_for_its_user_alone(tmp_path):
    file = tmp_path / "requests.log"
    request_log.RequestLog(file).write([record(1, 2.0), record(2, 3.0, "invalid", 4.0)])
    assert file.stat().st_mode & 0o777 == 0o600
    first, second = lines(tmp_path)
    assert list(first) == list(second) == list(request_log.Record.__struct_fields__)
    assert (first["time"], first["correlation_id"], second["correlation_id"]) == (
        "2026-11-27T12:00:01Z",
        "mine-1",
        None,
    )
    assert (second["status"], second["error_type"], second["queue_ms"]) == (422, "invalid", 4.0)


def test_lines_of_several_workers_never_mix_nor_get_lost_when_a_file_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(request_log, "MOST_BYTES", 50_000)
    file = tmp_path / "requests.log"

    def work(name):
        own = request_log.RequestLog(file)  # opened for each write, so threads lock each other out as processes do
        for number in range(100):
            own.write([record(number, 1.0, error=name)])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, "abc"))
    found = lines(tmp_path)
    assert {name: sum(line["error_type"] == name for line in found) for name in "abc"} == dict.fromkeys("abc", 100)
    assert len(list(tmp_path.iterdir())) == 3
    assert all(each.stat().st_size <= 50_000 for each in tmp_path.iterdir())


def test_old_files_go(tmp_path, monkeypatch):
    monkeypatch.setattr(request_log, "MOST_BYTES", 1)
    for number in range(9):
        request_log.RequestLog(tmp_path / "requests.log").write([record(number, 2.0)])
    found = {file.name: json.loads(file.read_text())["request_id"] for file in tmp_path.iterdir()}
    assert found == {
        "requests.log": "server-8",
        "requests.1.log": "server-7",
        "requests.2.log": "server-6",
        "requests.3.log": "server-5",
    }
