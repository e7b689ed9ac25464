"""Java dies while versions are changed: what waits for it, what is begun again, and what is said when it is gone."""

import fcntl
from concurrent.futures import ThreadPoolExecutor

import msgspec
import psutil
import pytest

from scripts.console import Failure
from scripts.server import again, draining, management, processes, scaling, state
from tests.unit.test_operate import server


@pytest.fixture
def run(tmp_path):
    """A server that is written down."""
    there = server(tmp_path)
    for folder in (there.locks, there.drain_notes, there.births):
        folder.mkdir(parents=True, exist_ok=True)
    there.save()
    return there


def test_a_version_that_is_loaded_last_after_a_death_is_waited_for(run, monkeypatch):
    """Java that was started again does not know it at first; one that nobody wrote down is not there."""
    me, old = psutil.Process(), state.Loaded("1.0", "bert-1.0.mar")
    watched = {"supervisor": me.pid, "supervised": processes.born(me.pid), "previous": {"bert": old}}
    msgspec.structs.replace(run, **watched).save()
    missing = management.Refused(404, "GET /models/bert/1.0: 404", why="")
    answers = [missing, missing]

    def describe(server, model, version):
        if version == "3.0" or answers:
            raise answers.pop() if answers else missing
        return {"workers": [{"status": "READY", "pid": me.pid}]}

    monkeypatch.setattr(management, "describe", describe)
    monkeypatch.setattr(management, "manage", lambda *words, **query: None)
    assert len(scaling.scale(run, "bert", 1, version="1.0")["workers"]) == 1
    assert answers == []
    with pytest.raises(management.Refused, match="404"):
        scaling.scale(run, "bert", 1, version="3.0")


def test_a_change_in_which_java_dies_is_made_again_and_says_what_is_left(run, monkeypatch, capsys):
    monkeypatch.setattr(again.management, "when_back", lambda server, _: server)
    monkeypatch.setattr(again.changing, "await_others", lambda server: None)
    deaths = [management.Unreachable("Java died"), management.Unreachable("Java died")]

    def change():
        if deaths:
            raise deaths.pop()
        return "loaded"

    assert again.patiently(run, "bert", change, 60) == "loaded"
    assert capsys.readouterr().err.count("Java died") == 2

    def gone(server, timeout):
        raise management.Unreachable("the server is gone")

    monkeypatch.setattr(again.management, "when_back", gone)
    msgspec.structs.replace(run, answering={"bert": state.Loaded("1.0", "bert-1.0.mar")}).save()
    deaths.append(management.Unreachable("Java died"))
    with pytest.raises(Failure, match=r"the server is gone; what is written down .* is version 1\.0 of bert"):
        again.patiently(run, "bert", change, 60)


def test_a_change_that_a_stop_cuts_says_that_the_server_was_stopped(run):
    with draining.stopping(run) as note:  # as `stop` does, which forgets the server while it has the note

        def change():
            with again.told(run, "bert"):
                raise management.Unreachable("the server on port 8080 is being stopped")

        with ThreadPoolExecutor(1) as pool:
            cut = pool.submit(change)
            with pytest.raises(TimeoutError):
                cut.result(0.2)
            run.forget()
            fcntl.flock(note, fcntl.LOCK_UN)
            with pytest.raises(management.Unreachable, match=r"port 8080 was stopped$"):
                cut.result(30)
