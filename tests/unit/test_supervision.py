"""What keeps a server alive, without a server: attempts, counts of the dead, limits of memory, notes of a stop."""

import fcntl
import os
import subprocess
import sys
import threading
from time import monotonic

import msgspec
import psutil
import pytest

from handler import locks
from scripts.console import Failure
from scripts.paths import ROOT
from scripts.server import (
    draining,
    failed,
    java,
    journal,
    listing,
    management,
    memory,
    notify,
    processes,
    restoring,
    scaling,
    state,
    supervise,
)
from scripts.server.supervise import Post, Supervisor
from tests.unit.test_operate import server

DEAD = 2**22 + 1  # above the largest process id


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A server's folder, where every server's is."""
    monkeypatch.setattr(state.paths, "RUNS", tmp_path)
    folder = tmp_path / "8080"
    for name in ("logs", "locks", "scaled", "leaving", "tmp"):
        (folder / name).mkdir(parents=True)
    return server(folder, pid=DEAD)


class Clock(threading.Event):
    """Waits nothing, and remembers how long it was asked to."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return self.is_set()


@pytest.fixture
def supervisor(run, monkeypatch):
    """One whose Javas are dead when they start."""
    monkeypatch.setattr(java, "start", lambda server, environment: server)
    monkeypatch.setattr(java, "clear", lambda server: None)
    monkeypatch.setattr(java, "reap", lambda pid: "by signal 9")
    monkeypatch.setattr(restoring, "begin", lambda server: None)
    one = Supervisor(Post(run, {}))
    one.server.save()
    one.ending = Clock()
    return one


def test_attempts_end_and_pauses_double(supervisor, run):
    supervisor.was_ready = True
    supervisor.watch()
    pauses = [wait for wait in supervisor.ending.waits if wait != supervise.POLL_SECONDS]
    assert pauses == pytest.approx([0.25, 0.5, 1, 2, 4], abs=0.1)
    (note,) = failed.listed(8080)
    assert note.reason == "Java ended by signal 9, 5 times in a row before every model had a worker"
    assert journal.count(run.locks).server == 5
    assert listing.prune_and_list() == []
    assert failed.clear(8080)
    assert failed.listed() == []


def test_a_server_that_was_ready_is_started_for_ever(supervisor):
    for _ in range(3 * supervise.MOST_DEATHS):
        supervisor.was_ready = True
        assert supervisor.replace()
    assert failed.listed() == []


def test_a_server_that_is_being_stopped_is_not_started_again(supervisor, run):
    with draining.stopping(run):
        supervisor.watch()
    assert journal.count(run.locks).server == 0


def test_how_a_child_ended():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert java.reap(child.pid) == "by signal 9"
    assert java.reap(os.getppid()) == "for a reason that is not known"
    child.returncode = -9


def test_a_process_that_is_still_ending_is_waited_for(monkeypatch):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"]) as child:
        assert java.reap(child.pid) == "with exit status 0"
    monkeypatch.setattr(java, "REAP_SECONDS", 0.1)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        assert java.reap(child.pid) == "for a reason that is not known"
        child.kill()


def test_dead_workers_are_counted_once_and_those_that_left_are_not(run):
    born = locks.births(run.locks)
    born.mkdir()
    for name in (f"bert.{DEAD}", f"bert.{DEAD + 1}", f"bert.{os.getppid()}", f"other.{DEAD}"):
        (born / name).touch()
    (run.drain_notes / f"bert.{DEAD + 1}").touch()
    assert [locks.be_born(run.locks, "bert") for _ in range(2)] == [1, 0]
    counted = journal.count(run.locks)
    assert (counted.workers, counted.server) == (1, 0)
    assert counted.last
    assert journal.count(run.locks.with_name("nothing") / "locks") == journal.Restarts(0, 0, None)


def test_a_worker_that_died_keeps_nobody_waiting(run):
    note = run.drain_notes / f"bert.{DEAD}"
    note.touch()
    assert scaling.idle(note)
    alive = run.drain_notes / f"bert.{os.getpid()}"
    alive.touch()
    assert not scaling.idle(alive)
    alive.write_bytes(locks.WAITING)
    assert scaling.idle(alive)


def test_a_scaling_waits_for_a_java_that_is_started_again(run, monkeypatch):
    me = psutil.Process()
    msgspec.structs.replace(run, supervisor=me.pid, supervised=processes.born(me.pid)).save()
    answers = iter([management.Unreachable("gone"), {"workers": [{"status": "READY", "pid": os.getpid()}] * 2}])

    def describe(server, model, version):
        answer = next(answers, None) or {"workers": [{"status": "READY", "pid": os.getpid()}] * 2}
        if isinstance(answer, Failure):
            raise answer
        return answer

    told = []
    monkeypatch.setattr(management, "describe", describe)
    monkeypatch.setattr(management, "manage", lambda *words, **query: told.append(query["min_worker"]))
    assert len(scaling.scale(run, "bert", 2)["workers"]) == 2
    assert told == [2]
    assert (run.scaled / "bert").read_text() == "2"


@pytest.mark.parametrize(("before", "after", "numbers"), [(3, 1, [1, 1, 1]), (0, 0, [0])])
def test_torchserve_is_told_again_where_it_fails_at_a_worker_that_leaves(run, monkeypatch, before, after, numbers):
    """ "job" is null, it says: it has taken that worker off its list, and not come to the next one."""
    workers, told = [{"status": "READY", "pid": os.getpid()}] * before, []

    def manage(server, method, path, min_worker, max_worker):
        told.append(min_worker)
        if len(workers) > max_worker:
            workers.pop()
            raise management.Refused(500, f"{method} {path}: 500", why='"job" is null')

    monkeypatch.setattr(management, "describe", lambda *words: {"workers": [*workers]})
    monkeypatch.setattr(management, "manage", manage)
    assert scaling.scale(run, "bert", after)["workers"] == workers
    assert (len(workers), told) == (after, numbers)


def test_the_last_workers_are_forgotten_and_ended_when_they_have_nothing_more_to_do(run, monkeypatch):
    name, told, busy = f"bert.{os.getpid()}", [], [1, 1, 0]
    workers = [{"status": "UNLOADING", "pid": os.getpid()}, {"status": "READY", "pid": os.getpid()}]

    def describe(*_):
        found = [dict(worker) for worker in workers]
        for worker in workers:  # the next time it has loaded
            worker["status"] = "READY"
        return {"workers": found}

    def manage(server, method, path, min_worker, max_worker):
        told.append((min_worker, max_worker, [worker["status"] for worker in workers]))
        workers.clear()

    run.births.mkdir()
    (run.births / name).touch()
    monkeypatch.setattr(management, "describe", describe)
    monkeypatch.setattr(management, "manage", manage)
    monkeypatch.setattr(scaling, "is_locked", lambda lock: lock.name == name and len(busy) > 1 and busy.pop())
    monkeypatch.setattr(processes, "of", lambda temporary: [psutil.Process(), psutil.Process(os.getppid())])
    ended = []
    monkeypatch.setattr(java, "end", ended.extend)
    assert scaling.scale(run, "bert", 0) == {"workers": []}
    assert told == [(0, 2, ["READY", "READY"])]
    assert len(busy) == 1
    assert ended == [psutil.Process()]
    assert not (run.births / name).exists()
    assert (run.scaled / "bert").read_text() == "0"


def test_another_refusal_of_a_scaling_is_told(run, monkeypatch):
    def manage(server, method, path, **query):
        raise management.Refused(507, f"{method} {path}: 507", why="no memory")

    monkeypatch.setattr(management, "describe", lambda *words: {"workers": []})
    monkeypatch.setattr(management, "manage", manage)
    with pytest.raises(management.Refused, match="507"):
        scaling.scale(run, "bert", 1)


def test_more_workers_than_fit_are_refused(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1000 * memory.MIB)
    monkeypatch.setattr(memory, "own", lambda pid: 150 * memory.MIB)
    memory.check("bert", [2, 3], 8)
    with pytest.raises(
        Failure, match=r"9 workers of bert do not fit: 7 more take about 1050 MiB .*1000 MiB are free"
    ) as caught:
        memory.check("bert", [2, 3], 9)
    assert caught.value.fix == "at most 8 workers"
    memory.check("bert", [2] * 20, 19)  # fewer always fit


def test_what_a_process_shares_with_nobody():
    assert memory.own(os.getpid()) > memory.MIB > memory.own(DEAD)
    assert memory.available() > memory.MIB


@pytest.mark.parametrize(("limit", "left"), [("max", []), ("1000", [700])])
def test_a_containers_memory(tmp_path, limit, left):
    assert memory.group(tmp_path) == []
    for name, text in (("max", limit), ("current", "500"), ("stat", "anon 1\ninactive_file 150\nactive_file 50\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert memory.group(tmp_path) == left


def test_only_torchserves_own_processes_are_a_servers():
    folder = "/tmp/bert-12345678"
    java_words = ["java", f"-Djava.io.tmpdir={folder}", "org.pytorch.serve.ModelServer", "--python", "python"]
    worker = ["python", "/ts/model_service_worker.py", "--sock-name", f"{folder}/.ts.sock.9000"]
    assert processes.belongs(java_words, folder)
    assert processes.belongs(worker, folder)
    assert not processes.belongs(["vim", f"{folder}/model_service_worker.py.log"], folder)
    assert not processes.belongs(worker, "/tmp/bert-87654321")


def test_workers_refuse_while_a_stop_holds_its_note_and_not_after_it_died(run):
    assert not locks.is_refusing(run.locks)
    with draining.stopping(run) as note:
        assert not locks.is_refusing(run.locks)
        note.write(locks.REFUSING)
        assert locks.is_refusing(run.locks)
    assert not locks.is_refusing(run.locks)
    locks.stop_note(run.locks).write_bytes(locks.REFUSING)
    assert not locks.is_refusing(run.locks)


def test_a_start_waits_for_a_stop(run, tmp_path):
    draining.wait_for_stop(tmp_path / "nothing", 0)
    with locks.stop_note(run.locks).open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(target=draining.wait_for_stop, args=(run.locks.parent, 60))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        with pytest.raises(Failure, match="still being stopped after 0 s"):
            draining.wait_for_stop(run.locks.parent, 0)
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_service_manager_is_told(tmp_path, monkeypatch):
    import socket

    notify.notify("READY=1")  # nobody listens
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        notify.notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_the_supervisor_imports_nothing_large():
    check = "import sys, scripts.server.supervise; print({'requests', 'torch', 'numpy', 'typer'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_time_of_a_drain_that_finds_no_server(run):
    begun = monotonic()
    with draining.stopping(run) as note:
        assert draining.drain(msgspec.structs.replace(run, management_port=1), note, 120) == 0
    assert monotonic() - begun < 100
