"""Versions of a model: the server's own store, what counts as an answer, and how far two answers are apart."""

import json
import os
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from msgspec.structs import replace

from scripts.console import Failure
from scripts.server import (
    changing,
    comparison,
    management,
    own_store,
    processes,
    state,
    temporary,
    unpacked,
    upgrade,
    versions,
)
from tests.unit.test_management_port import KNOWN, Behind


def archive(folder, version):
    file = folder / f"{version}.mar"
    with ZipFile(file, "w") as packed:
        packed.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"modelVersion": version}}))
    return file


def test_an_archive_that_is_replaced_stays_what_it_was(tmp_path):
    file = archive(tmp_path, "1.0")
    loaded = own_store.renew(tmp_path / "own", {"bert": file})
    assert loaded == {"bert": state.Loaded("1.0", "bert-1.0.mar")}
    os.replace(archive(tmp_path, "2.0"), file)
    assert own_store.version(file) == "2.0"
    assert own_store.version(tmp_path / "own" / "bert-1.0.mar") == "1.0"
    assert own_store.renew(tmp_path / "own", {"bert": file})["bert"].version == "2.0"
    assert [link.name for link in (tmp_path / "own").iterdir()] == ["bert-2.0.mar"]
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700


def test_an_archive_of_another_file_system_is_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert own_store.add(tmp_path / "own", "bert", archive(tmp_path, "1.0")).file == "bert-1.0.mar"
    assert own_store.version(tmp_path / "own" / "bert-1.0.mar") == "1.0"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [([[0.5, 1]], True), ([[0.5, None]], False), ({"a": [float("nan")]}, False), ([float("inf")], False), ([], True)],
)
def test_numbers_that_are_not_finite(answer, expected):
    assert versions.finite(answer) is expected


def test_answers_are_compared_where_they_have_one_shape(monkeypatch):
    answers = {"1.0": {"a": [3.0, 4.0], "b": [1.0]}, "2.0": {"a": [4.0, 3.0], "b": [1.0, 2.0]}}
    found = compared(monkeypatch, "fill-mask", lambda version, body: answers[version][body["inputs"]], ["a", "b"])
    assert (found.task, found.texts, found.changed, found.difference) == ("embedding", 2, 1, 1.0)
    assert found.cosine == pytest.approx(24 / 25)
    assert compared(monkeypatch, "embedding", lambda *_: [0.0, 0.0], ["a"]).cosine == 0
    assert compared(monkeypatch, "embedding", lambda *_: [0.0, 0.0], []).cosine is None


@pytest.mark.parametrize("task", ["rerank", "question-answering", "zero-shot-classification", "multi-vector"])
def test_heads_are_compared_by_their_own_answers(monkeypatch, task):
    ranked = {"1.0": [{"index": 0, "score": 0.9}, {"index": 1, "score": 0.5}], "2.0": [{"index": 0, "score": 0.7}]}
    asked = []

    def answer(version, body):
        asked.append(body)
        return ranked["1.0" if body == asked[0] else version]

    found = compared(monkeypatch, task, answer, ["one text", "another"])
    assert (found.task, found.changed, found.difference, found.cosine) == (task, 1, 0.0, None)
    assert "one text" in str(asked[0])


def compared(monkeypatch, task, answer, texts):
    monkeypatch.setattr(comparison, "answer", lambda server, address, body: answer(address.split("/")[3], body))
    monkeypatch.setattr(comparison.inference, "post", lambda *_: None)
    monkeypatch.setattr(comparison.inference, "decoded", lambda _: {"task": task})
    return comparison.compare(None, "bert", ("1.0", "2.0"), texts)


def test_shapes_are_labels_and_lengths():
    one = [{"label": "joy", "score": 0.9, "start": 3}]
    assert comparison.shape(one) == comparison.shape([{"label": "joy", "score": 0.1, "start": 3}])
    assert comparison.shape(one) != comparison.shape([{"label": "fear", "score": 0.9, "start": 3}])
    assert comparison.shape(one) != comparison.shape([{"label": "joy", "score": 0.9, "start": 4}])
    assert list(comparison.numbers(one)) == [0.9]


@pytest.mark.parametrize("watched", [True, False])
def test_a_java_that_is_being_started_again_is_waited_for(tmp_path, monkeypatch, watched):
    server = state.Server(**KNOWN, folder=str(tmp_path), temporary=str(tmp_path))
    if not watched:
        server.save()
        with pytest.raises(management.Unreachable, match="port 1 has died, and nobody starts it again"):
            management.when_back(server, 60)
        return
    replace(server, supervisor=os.getpid(), supervised=processes.born(os.getpid())).save()
    said: SimpleQueue[str] = SimpleQueue()
    monkeypatch.setattr(management.err, "print", said.put)  # capsys loses what another thread writes while it reads
    with ThreadPoolExecutor(1) as pool:
        back = pool.submit(management.when_back, server, 60)
        assert said.get(timeout=30) == "the server on port 1 has died, and it is being started again; waiting for it"
        with socketserver.ThreadingUnixStreamServer(str(server.management_socket), Behind) as behind:
            threading.Thread(target=behind.serve_forever, daemon=True).start()
            assert back.result(timeout=30).supervisor == os.getpid()
            behind.shutdown()


def test_the_version_before_is_waited_for_when_java_was_started_again(monkeypatch, capsys):
    held = [["2.0"], ["2.0"], ["1.0", "2.0"]]
    monkeypatch.setattr(changing.versions, "registered", lambda *_: held.pop(0) if len(held) > 1 else held[0])
    both = {"bert": state.Loaded("2.0", "bert-2.0.mar")}, {"bert": state.Loaded("1.0", "bert-1.0.mar")}
    server = state.Server(**KNOWN, folder="", temporary="", answering=both[0], previous=both[1])
    changing.await_others(server)
    assert held == [["1.0", "2.0"]]
    assert capsys.readouterr().err.count("version 1.0 of bert is being loaded again; waiting for it") == 1
    held[:] = [["2.0"]]  # it cannot be loaded
    changing.await_others(server, timeout=0)


def test_an_archive_becomes_a_folder_and_a_flipped_bit_is_named(tmp_path):
    server = state.Server(**KNOWN, folder=str(tmp_path), temporary=str(tmp_path / "temporary"))
    loaded = own_store.add(server.own_store, "bert", archive(tmp_path, "1.0"))
    folder = unpacked.folder(server, loaded)
    (folder / "left").mkdir(parents=True)  # by a command that was killed
    unpacked.unpack(server, loaded)
    assert folder == server.unpacked / "bert-1.0"
    assert [file.relative_to(folder).as_posix() for file in folder.rglob("*.*")] == ["MAR-INF/MANIFEST.json"]

    file = server.own_store / loaded.file
    whole = bytearray(file.read_bytes())
    whole[whole.index(b"modelVersion")] ^= 1
    file.write_bytes(whole)
    with pytest.raises(Failure, match=r"bert-1\.0\.mar is damaged: Bad CRC-32 for file .*MANIFEST\.json"):
        unpacked.unpack(server, loaded)
    assert not list(server.unpacked.iterdir())


def test_a_disk_without_room_for_what_is_unpacked(tmp_path, monkeypatch):
    file = archive(tmp_path, "1.0")
    temporary.check_space(tmp_path, [file])
    monkeypatch.setattr(temporary.shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * temporary.MIB))
    with pytest.raises(Failure, match=r"has 3 MiB free, and the unpacked archives take 8 MiB"):
        temporary.check_space(tmp_path, [file])


def test_nothing_is_lost_where_two_change_what_is_remembered(tmp_path):
    server = state.Server(**KNOWN, folder=str(tmp_path), temporary=str(tmp_path / "temporary"))
    server.save()

    def add(name):
        server.change(lambda now: replace(now, answering=now.answering | {name: state.Loaded("1.0", name)}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, map(str, range(64))))
    assert sorted(server.current().answering) == sorted(map(str, range(64)))
    other = replace(server, temporary="another server's on this port")
    assert other.change(lambda now: replace(now, pid=5)).answering == {}


def test_a_version_that_is_too_busy_to_leave_can_be_retired_again(tmp_path, monkeypatch):
    older = {"bert": state.Loaded("1.0", "bert.mar")}
    server = state.Server(**KNOWN, folder=str(tmp_path), temporary=str(tmp_path / "temporary"), previous=older)
    server.save()

    def busy(*_):
        raise Failure("too busy to leave")

    monkeypatch.setattr(upgrade, "unload", busy)
    with pytest.raises(Failure, match="too busy"):
        upgrade.retire(server, "bert")
    assert server.current().previous == older
    monkeypatch.setattr(upgrade, "unload", lambda *_: None)
    upgrade.retire(server.current(), "bert")
    assert server.current().previous == {}
