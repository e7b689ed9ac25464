"""A server whose temporary folder is deleted under its Java, and one that is down: who says so, and what is done."""

import os
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic

import msgspec
import psutil
import pytest

from handler.locks import stop_note
from scripts.console import Failure
from scripts.server import (
    agent,
    bound,
    changing,
    draining,
    failed,
    inference,
    java,
    launch,
    lost,
    management,
    processes,
    report,
    restoring,
    running,
    state,
    turns,
)
from scripts.server.preflight import Options
from scripts.server.supervise import Post, Supervisor
from tests.unit.test_operate import server


@pytest.fixture
def short():
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def run(tmp_path, short, monkeypatch):
    """A server whose Java is this process, and whose socket something listens at."""
    monkeypatch.setattr(state.paths, "RUNS", tmp_path)
    me = psutil.Process()
    known = server(tmp_path / "8080", pid=me.pid, created=processes.born(me.pid))
    there = msgspec.structs.replace(known, temporary=str(short / "bert-1"), supervisor=me.pid, supervised=known.created)
    for folder in (there.unpacked, there.locks, there.logs):
        folder.mkdir(parents=True)
    there.save()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(there.management_socket))
        listener.listen()
        yield there


def says(there):
    with pytest.raises(management.Unreachable) as caught:
        management.manage(there, "GET", "/models")
    return f"{caught.value.what} | {caught.value.fix}"


def test_a_folder_that_is_gone_is_named_by_whoever_asks_and_taken_for_no_end_of_the_server(run, capsys):
    assert lost.cause(run) == ""
    shutil.rmtree(run.temporary)
    assert lost.cause(run) == f"its temporary folder {run.temporary} was deleted"
    assert f"port 8080 cannot be managed: its temporary folder {run.temporary} was deleted; it is being" in says(run)
    assert agent.state(run) == agent.State("ready up 10%", None)
    about = report.server_report(run)
    assert about["state"] == "lost"
    report.show_server(about)
    assert f"trouble    its temporary folder {run.temporary} was deleted: nothing" in capsys.readouterr().out
    msgspec.structs.replace(run, supervisor=0).save()
    assert "nobody starts it again | scripts/bert start bert; TMPDIR=" in says(run)


def test_a_socket_that_is_gone_counts_while_java_listens_there(run):
    run.management_socket.unlink()
    if lost.TABLE.exists():
        assert lost.cause(run) == f"its socket {run.management_socket} was deleted"
    elsewhere = msgspec.structs.replace(run, temporary=str(Path(run.temporary).parent / "bert-2"))
    elsewhere.unpacked.mkdir(parents=True)
    elsewhere.save()
    assert lost.cause(elsewhere) == ""  # it starts, or ends
    assert "is starting" in says(elsewhere)


def test_a_supervisor_replaces_a_java_without_its_folder_when_its_workers_are_done(run, monkeypatch):
    seen, now = [], msgspec.structs.replace(run, pid=0)
    monkeypatch.setattr(processes, "of", lambda temporary: ["java"])
    monkeypatch.setattr(java, "end", lambda family: seen.append(("end", agent.state(run).word, family)))
    monkeypatch.setattr(draining, "busy", lambda server: seen.append("drained") or 0)
    one = Supervisor(Post(run, {}))
    one.end_lost()
    assert seen == []
    shutil.rmtree(run.temporary)
    with draining.stopping(run):
        one.end_lost()
    assert seen == []
    one.end_lost()
    assert seen == [*["drained"] * draining.IDLE_POLLS, ("end", "drain", ["java"])]
    monkeypatch.setattr(java, "reap", lambda pid: "by signal 9")
    monkeypatch.setattr(java, "start", lambda server, environment: now)
    monkeypatch.setattr(java, "end", lambda family: None)
    monkeypatch.setattr(restoring, "begin", lambda server: None)
    one.was_ready = True
    assert one.replace()
    assert run.unpacked.is_dir()
    assert f"its temporary folder {run.temporary} was deleted; attempt 1" in (run.logs / "restarts.log").read_text()
    shutil.rmtree(run.temporary)
    one.keep()  # a supervisor that comes just now has a Java to replace, and goes on


def test_a_folder_that_another_user_made_in_its_place_is_not_used(run, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(processes, "of", lambda temporary: [])
    with pytest.raises(Failure, match="belongs to another user"):
        java.clear(run)


def test_a_port_that_somebody_else_has_is_the_reason_for_a_crash_loop(run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        one = Supervisor(Post(msgspec.structs.replace(run, metrics_port=port), {}))
        one.deaths = 4
        assert not one.replace()
    (note,) = failed.listed(8080)
    where = f"had a worker: port {port} (--metrics-port) is taken by {psutil.Process().name()} (pid {os.getpid()})"
    assert where in note.reason
    assert bound.refused("127.0.0.1", port) is None
    assert f"port 8080 has failed: {note.reason} | " in says(run)


def test_a_server_that_was_stopped_is_not_one_that_starts(run, monkeypatch):
    monkeypatch.setattr(lost, "listens", lambda server: False)  # Java has closed it
    run.management_socket.unlink()
    with draining.stopping(run):
        assert "is being stopped" in says(run)
    run.forget()
    assert "the server on port 8080 was stopped" in says(run)
    begun = monotonic()
    with pytest.raises(management.Unreachable, match="was stopped"):
        management.when_back(run, 60)
    assert monotonic() - begun < 30


def test_a_start_beside_a_server_that_is_down_waits_for_its_answer_and_not_for_ever(run, monkeypatch):
    ready = [[], [{"status": "READY"}]]
    monkeypatch.setattr(management, "when_back", lambda server, timeout: server)
    monkeypatch.setattr(management, "describe", lambda server, model: {"workers": ready.pop(0) if ready else []})
    monkeypatch.setattr(inference, "post", lambda server, address, body, timeout: ready.clear())
    assert running.await_answers(Options(Path("s")), run) == run
    assert ready == []
    with pytest.raises(Failure, match="bert does not answer on port 8080 after 0 s"):
        running.await_answers(Options(Path("s"), timeout=0), run)


def test_a_command_waits_for_another_one_as_long_as_it_was_told(run):
    said = []
    with (Path(run.folder) / changing.LOCK).open("w") as held, (Path(run.folder) / changing.LOCK).open("w") as lock:
        turns.take(held, 0, "works")
        with pytest.raises(Failure, match="another command still changes models"), changing.alone(run, 0):
            pass
        waiting = Thread(target=turns.take, args=(lock, monotonic() + 60, "works", lambda: said.append(held.close())))
        waiting.start()
        waiting.join(60)
    assert said == [None]
    assert not stop_note(run.locks).exists()


def test_a_start_that_is_refused_leaves_no_folder_and_two_starts_never_have_one_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(state.paths, "RUNS", tmp_path / "runs")
    folder, seen = state.folder(8080), []
    with pytest.raises(Failure, match="lets every machine"):
        launch.start(Options(tmp_path, host="0.0.0.0"))
    assert [*(tmp_path / "runs").iterdir()] == []

    def start():
        for _ in range(300):
            with suppress(Failure), launch.port_lock(8080):
                seen.append("in")
                seen.append("out")

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["in", "out"] * (len(seen) // 2)
    assert not folder.exists()
    with launch.port_lock(8080):
        with pytest.raises(Failure, match="another start on port 8080 is under way"), launch.port_lock(8080):
            pass
        (folder / "logs").mkdir()
    assert {each.name for each in folder.iterdir()} == {"logs", state.STARTING}
