"""The process beside HAProxy, and what is remembered of a gateway."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from msgspec.structs import replace

from scripts.console import Failure
from scripts.gateway import handover, haproxy, maps, memory, report, state, watch
from scripts.gateway.haproxy import LOG, OLD_LOG
from scripts.paths import ROOT
from scripts.server import java
from scripts.verbs.gateway import check_rates, stopped

SERVERS = ((6, "servers", "a", 0), (6, "servers", "b", 2), (7, "servers_large", "a", 0), (8, "elsewhere", "c", 1))


def gateway(pid: int, created: float) -> state.Gateway:
    """One that is written down."""
    about = state.Gateway(
        pid=pid,
        created=created,
        url="http://127.0.0.1:8000",
        port=8000,
        metrics_port=8001,
        servers=["127.0.0.1:8080"],
        models=["bert"],
    )
    about.folder.mkdir(parents=True)
    about.save()
    return about


def test_a_gateway_that_nobody_stopped_is_named_until_it_is_forgotten(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(state.paths, "RUNS", tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gateway(ended.pid, 0.0)
    assert state.running() == []
    (about,) = report.reports()
    assert (about["state"], about["haproxy"]) == ("gone", None)
    report.show(about)
    assert "nobody has stopped it" in capsys.readouterr().err
    stopped(8000)
    assert report.reports() == []


def test_an_haproxy_that_ends_before_it_answers_is_one_that_does_not_answer(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / maps.ADMIN))
        listener.listen()

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(100)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(OSError, match="before it answered 'show'"):
            maps.told(tmp_path / maps.ADMIN, "show info")
        thread.join()


def test_haproxy_is_started_again_later_and_later_and_when_there_was_no_memory_for_it(tmp_path, monkeypatch, capsys):
    clock, waits = [100.0], []
    monkeypatch.setattr(watch, "monotonic", lambda: clock[0])

    def sleep(seconds: float) -> None:
        waits.append(round(seconds, 3))
        clock[0] += seconds

    starts: list[object] = [OSError("Cannot allocate memory"), *["started"] * 6]

    def spawn(*_: object) -> object:
        begun = starts.pop(0)
        if isinstance(begun, OSError):
            raise begun
        return begun

    monkeypatch.setattr(watch, "sleep", sleep)
    monkeypatch.setattr(watch, "spawn", spawn)
    monkeypatch.setattr(watch.Watch, "__init__", lambda self: None)
    each = watch.Watch()
    each.folder, each.key_file, each.door, each.begun, each.wait = tmp_path, None, None, 90.0, watch.POLL_SECONDS
    each.haproxy = "before"
    each.start_again(-9)
    assert each.haproxy == "before"  # the next turn finds it ended, and comes here again
    for _ in range(6):
        each.start_again(1)
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert each.haproxy == "started"
    said = capsys.readouterr().err
    assert "HAProxy ended with status -9 after 10.0 s" in said
    assert "cannot be started: Cannot allocate memory" in said


def test_who_asks_for_another_haproxy_while_one_takes_over_gets_one_more(tmp_path, monkeypatch):
    monkeypatch.setattr(watch.Watch, "__init__", lambda self: None)
    monkeypatch.setattr(watch.reload, "stamp", lambda folder: ())
    each, made = watch.Watch(), []
    each.folder, each.servers, each.asked = tmp_path, (), True

    def prepare(folder: object) -> None:
        made.append(folder)
        if len(made) == 1:
            raise OSError("HAProxy does not answer")  # it is tried again
        each.asked = len(made) == 2  # a signal comes

    monkeypatch.setattr(watch.reload, "prepare", prepare)
    monkeypatch.setattr(watch.Watch, "hand_over", lambda self: None)
    with pytest.raises(OSError, match="does not answer"):
        each.follow_servers()
    for expected in (2, 3, 3):
        each.follow_servers()
        assert len(made) == expected


def test_haproxy_is_asked_for_memory_that_nothing_is_in_and_seldom_where_that_is_no_use(tmp_path, monkeypatch):
    mib, asked = 1 << 20, []
    now = {"resident": 15, "used": 0}
    monkeypatch.setattr(memory, "resident", lambda pid: now["resident"] * mib)
    monkeypatch.setattr(memory.maps, "told", lambda *_: f"Name: HAProxy\nPoolUsed_MB: {now['used']}\nPid: 7\n")
    monkeypatch.setattr(memory.os, "kill", lambda *words: asked.append(words))
    one = memory.Memory(tmp_path)

    def looked(turns: int, **values: int) -> int:
        now.update(values)
        for _ in range(turns):
            one.look(7)
        return len(asked)

    assert looked(9) == 0
    assert looked(9, resident=20, used=4) == 0  # what every gateway grows by
    assert looked(9, resident=80, used=64) == 0  # answers are on their way
    assert looked(9, resident=140) == 0  # and keep in pieces what is between them
    assert looked(1, used=0) == 1
    assert asked == [(7, signal.SIGQUIT)]
    assert looked(memory.SHORTEST + 9, resident=17) == 1
    assert looked(1, resident=60) == 2
    assert looked(memory.SHORTEST) == 2
    assert looked(1) == 3  # it kept all of it
    assert looked(2 * memory.SHORTEST) == 3
    assert looked(1) == 4
    assert looked(9, resident=17) == 4
    assert looked(9 * memory.SHORTEST) == 4
    assert looked(1, resident=60) == 5
    assert looked(memory.SHORTEST + 1) == 6  # as soon as at first


def test_a_backend_is_down_where_none_of_its_servers_is_up():
    states = "\n".join(
        ["1", "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state"]
        + [f"{number} {name} 1 {server} 127.0.0.1 {state} 0 100" for number, name, server, state in SERVERS]
        + [""]
    )
    assert handover.backends_down(states) == {"servers_large"}
    assert handover.backends_down("1\n# be_id\n") == set()


def test_the_log_before_stays_for_its_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "LONGEST_LOG", 3)
    log = tmp_path / LOG
    log.write_text("long")
    before = os.umask(0o077)
    try:
        watch.bound(log)
    finally:
        os.umask(before)
    assert (log.read_text(), (tmp_path / OLD_LOG).read_text()) == ("", "long")
    assert (tmp_path / OLD_LOG).stat().st_mode & 0o077 == 0


def test_a_rate_is_of_a_key_that_is_there(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"ada:{'k' * 24}\n")
    check_rates({"ada": 5}, file)
    for keys, why in ((file, "has ada"), (None, "there are none")):
        with pytest.raises(Failure, match=why):
            check_rates({"bob": 5}, keys)


def test_a_file_of_keys_that_cannot_be_used_is_said_once_and_when_it_can_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(state.paths, "RUNS", tmp_path)
    monkeypatch.setattr(watch.Watch, "__init__", lambda self: None)
    exchanged = []
    monkeypatch.setattr(watch.maps, "exchange", lambda folder, name, lines: exchanged.append(len(lines)))
    file = tmp_path / "keys"
    file.write_text(f"ada:{'k' * 24}\n")
    file.chmod(0o600)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    replace(gateway(ended.pid, 0.0), keys=str(file)).save()
    each, said = watch.Watch(), []
    each.folder, each.key_file, each.keys = tmp_path, file, None
    for change in (lambda: None, lambda: file.chmod(0o644), lambda: None, lambda: file.chmod(0o600), file.unlink):
        change()
        each.follow_keys()
        said.append(capsys.readouterr().err.partition(" ")[2])
    assert exchanged == [1, 0, 1, 0]
    usable, unreadable = (
        f"{file} can be used again\n",
        f"nobody may ask: {file} cannot be read: No such file or directory",
    )
    assert said == ["", f"nobody may ask: others may read {file}\n", "", usable, f"{unreadable}\n"]
    (about,) = report.reports()
    assert about["trouble"] == unreadable.partition(": ")[2]
    report.show(about | {"state": report.RUNNING})
    assert "nobody may ask the gateway at http://127.0.0.1:8000: " in capsys.readouterr().err


def test_what_haproxy_and_its_watch_write_stays_where_one_sets_flags_of_what_it_was_given(tmp_path):
    program, log = tmp_path / "haproxy", tmp_path / LOG
    program.write_text(
        f"#!{sys.executable}\nimport fcntl, os, time\nos.write(1, b'request 0\\n')\n"
        "fcntl.fcntl(1, fcntl.F_SETFL, os.O_NONBLOCK)\n"
        "while not os.path.exists('go'):\n    time.sleep(0.01)\n"
        "os.write(1, b'request 1\\n')\n"
    )
    program.chmod(0o700)
    code = (
        "import pathlib, socket, time\nfrom scripts.gateway import haproxy, watch\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\nhaproxy.program = lambda: str(folder / 'haproxy')\n"
        "with socket.socket() as door:\n    process = haproxy.spawn(folder, door)\n"
        "while not (folder / watch.LOG).stat().st_size:\n    time.sleep(0.01)\n"
        "watch.said('of the watch')\n(folder / 'go').touch()\nprocess.wait()\n"
        "haproxy.append()\nwatch.LONGEST_LOG = 3\nwatch.bound(folder / watch.LOG)\nwatch.said('later')\n"
    )
    with java.private_log(log) as file:
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=file, check=True, timeout=60)
    before = (tmp_path / OLD_LOG).read_text().splitlines()
    assert [line if line.startswith("request") else line.partition(" ")[2] for line in before] == [
        "request 0",
        "of the watch",
        "request 1",
    ]
    assert log.read_text()[0] == "2"  # of the year: no hole is before it
    assert log.read_text().endswith(" later\n")


def test_a_stop_waits_although_haproxy_once_did_not_answer(tmp_path, monkeypatch):
    said = iter([BrokenPipeError, " fe=door ", ""])

    def told(admin, command):
        if command != "show sess":
            return ""
        answer = next(said)
        if answer is BrokenPipeError:
            raise BrokenPipeError
        return answer

    monkeypatch.setattr(haproxy.maps, "told", told)
    door = subprocess.Popen(["sleep", "60"])
    haproxy.stop(tmp_path, door, None)
    assert (list(said), door.poll()) == ([], -signal.SIGTERM)
