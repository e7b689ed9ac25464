"""A start beside a server that runs: what is taken, what is added, and what is refused."""

from pathlib import Path

import pytest

from scripts.console import Failure
from scripts.server import listing, running, upgrade
from scripts.server.preflight import Options
from tests.unit.test_operate import server


def test_a_start_beside_a_server_finds_it(tmp_path, monkeypatch):
    there = server(tmp_path, models=["tickets", "bert"])
    monkeypatch.setattr(listing, "prune_and_list", lambda: [there])

    def find(*models, port=8080, **asked):
        return running.find(Options(tmp_path, models, inference_port=port, **asked))

    assert find() is there
    assert find("bert") is there
    assert find("other", port=9080) is None
    assert find("bert", "other") is there
    added = []
    monkeypatch.setattr(running.preflight, "archives", lambda _: [])
    monkeypatch.setattr(upgrade, "add", lambda one, name, *_: added.append(name) or one)
    monkeypatch.setattr(running.changing, "clear", lambda _: None)
    monkeypatch.setattr(running.changing.management, "when_back", lambda server, _: server.current())
    assert running.add_missing(Options(tmp_path, ["bert", "other", "more"]), there) == (there, ["other", "more"])
    assert added == ["other", "more"]


@pytest.mark.parametrize(
    ("there", "asked", "words"),
    [
        ({}, {"auth": True}, "without --auth"),
        ({"key_list": "/others"}, {"auth": True}, "with keys of /others"),
        ({}, {"keys": Path("/keys")}, "without --keys"),
        ({"key_list": "/others"}, {"keys": Path("/keys")}, "with keys of /others"),
        ({}, {"host": "0.0.0.0"}, "with --host 127.0.0.1"),
        ({}, {"metrics_host": "0.0.0.0"}, "with --metrics-host 127.0.0.1"),
    ],
)
def test_a_start_beside_a_server_that_was_started_otherwise_fails(tmp_path, monkeypatch, there, asked, words):
    monkeypatch.setattr(listing, "prune_and_list", lambda: [server(tmp_path, **there)])
    with pytest.raises(Failure, match=words) as caught:
        running.find(Options(tmp_path, inference_port=8080, **asked))
    assert caught.value.fix.startswith("scripts/bert stop, then")


def test_workers_are_those_of_what_is_added(tmp_path, monkeypatch):
    there, added = server(tmp_path), []
    monkeypatch.setattr(listing, "prune_and_list", lambda: [there])
    monkeypatch.setattr(running.management, "describe", lambda *_: {"workers": [{}, {}]})
    monkeypatch.setattr(running.preflight, "archives", lambda _: [])
    monkeypatch.setattr(upgrade, "add", lambda one, name, archive, workers, _: added.append((name, workers)))
    monkeypatch.setattr(running.changing, "clear", lambda _: None)
    monkeypatch.setattr(running.changing.management, "when_back", lambda server, _: server.current())

    def start(*models, workers):
        options = Options(tmp_path, models, inference_port=8080, workers=workers)
        return running.add_missing(options, running.find(options))[1]

    assert start("other", workers=3) == ["other"]
    assert start("bert", "more", workers=2) == ["more"]
    assert start(workers=2) == []
    assert added == [("other", 3), ("more", 2)]
    for models in (("bert", "other"), ()):
        with pytest.raises(Failure, match="bert has 2 workers on port 8080 and not 3") as failure:
            start(*models, workers=3)
        assert failure.value.fix == "scripts/bert scale bert 3"


def test_what_runs_as_it_was_asked_for_is_taken(tmp_path, monkeypatch):
    there = server(tmp_path, key_list="/keys", host="0.0.0.0")
    monkeypatch.setattr(listing, "prune_and_list", lambda: [there])
    assert running.find(Options(tmp_path, inference_port=8080, host="0.0.0.0", keys=Path("/keys"))) is there
