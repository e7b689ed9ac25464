"""Versions of a running model: there and back under load, and archives that change nothing because they are wrong."""

import json
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit
from zipfile import ZipFile

import numpy as np
import psutil
import pytest
import requests

from scripts.gateway import settings
from scripts.gateway.haproxy import CONFIG
from scripts.packing import pack as packer
from scripts.paths import ROOT
from tests.e2e.conftest import Cli, free_port, wait_for
from tests.gateway import needs_haproxy
from tests.hostile import calls, upgrades


@pytest.fixture(scope="module")
def running(tiny, tmp_path_factory):
    """A server with version 1.0, and archives of others."""
    here = tmp_path_factory.mktemp("upgrade")
    store = here / "store"
    store.mkdir()
    packer.pack(tiny, "bert", "1.0", {}, store)
    packer.pack(tiny, "next", "2.0", {"handler": {"normalize": True}}, store)
    packer.pack(tiny, "other", "1.0", {}, store)
    command = Cli(here / "runs", store, free_port())
    command("start", "bert", "--workers", "2")
    yield command
    command("stop")


def rewritten(archive: Path, target: Path, change) -> Path:
    """A copy of an archive, each entry as `change(name, bytes)` says."""
    with ZipFile(archive) as old, ZipFile(target, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
    return target


def ask(command, path="bert"):
    return requests.post(f"{command.url}/predictions/{path}", json=upgrades.BODY, timeout=30)


def versions(command):
    """Of the model: version -> workers."""
    answer = requests.get(f"http://127.0.0.1:{command.port + 1}/models/bert/all", timeout=30)
    return {each["modelVersion"]: len(each["workers"]) for each in answer.json()}


def test_no_request_fails_on_the_way_there_and_back(running):
    counts, _ = upgrades.rounds(running, running.store / "next.mar", 1, 8)
    assert set(counts) == {"1.0", "2.0"}, counts
    assert versions(running) == {"1.0": 2}
    gone = ask(running, "bert/2.0")
    assert gone.status_code == 404
    assert "2.0" in gone.json()["message"]


def restored(command):
    """Whether both versions have the workers again that they had."""
    (report,) = command.status()
    both = [*report["models"], *report["other_versions"]]
    return (
        report["restarts"]["server"] == 1
        and [[worker["status"] for worker in model["workers"]] for model in both] == [["READY"] * 2] * 2
    )


@needs_haproxy
def test_a_gateway_shares_out_requests_and_follows_the_upgrade(running):
    archive = str(running.store / "next.mar")
    refused = running("upgrade", "bert", archive, "--canary", "30", expect=1)
    assert "--canary needs a gateway" in refused.stderr
    with calls.gateway(running, "--max-wait", "5000") as gateway:
        door = gateway.url
        url, asked = f"{door}/predictions/bert", {"input": upgrades.TEXT, "model": "bert"}
        old = requests.post(f"{running.url}/predictions/bert", json=upgrades.BODY).content
        running("upgrade", "bert", archive, "--canary", "30")
        new = ask(running, "bert/2.0").content
        assert versions(running) == {"1.0": 2, "2.0": 2}
        with upgrades.asking(url, {old: "1.0", new: "2.0"}, 8) as counts:
            wait_for(lambda: counts.total() > 600, "answers")
        assert set(counts) == {"1.0", "2.0"}
        assert 0.2 < counts["2.0"] / counts.total() < 0.4
        assert "2.0 (canary, 30 %)" in running("status").stdout
        psutil.Process(running.status()[0]["pid"]).kill()
        wait_for(lambda: restored(running), "both versions, after Java died")
        with upgrades.asking(url, {old: "1.0", new: "2.0"}, 8) as counts:
            wait_for(lambda: counts.total() > 600, "answers")
        assert 0.2 < counts["2.0"] / counts.total() < 0.4
        again = running("upgrade", "bert", archive, "--canary", "10", expect=1)
        assert "is a canary already" in again.stderr
        with upgrades.asking(url, {old: "1.0", new: "2.0"}, 8) as counts:
            running("upgrade", "bert")
        assert set(counts) == {"1.0", "2.0"}
        assert ask(running).content == new
        assert versions(running) == {"1.0": 1, "2.0": 2}
        assert requests.get(f"{door}/v2/models/bert").json()["versions"] == ["2.0"]
        for version, vectors in (("1.0", old), ("2.0", new)):
            place = f"{door}/v2/models/bert/versions/{version}"
            assert requests.get(f"{place}/ready").status_code == 200
            text = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [upgrades.TEXT]}
            tensors = {"inputs": [text], "parameters": {"task": "embedding"}}
            (found,) = requests.post(f"{place}/infer", json=tensors).json()["outputs"]
            assert found["data"] == pytest.approx(np.ravel(json.loads(vectors)).tolist(), abs=1e-6)
        assert "2.0: hidden-states" in requests.get(door).text
        running("rollback", "bert")
        running("retire", "bert")
        assert requests.post(f"{door}/v1/embeddings", json=asked).status_code == 200
        running("upgrade", "bert", archive, "--canary", "99")
        running("rollback", "bert")
        assert {requests.post(url, json=upgrades.BODY).content for _ in range(20)} == {old}
        running("retire", "bert")


def test_the_version_before_answers_at_its_address_until_it_is_retired(running):
    said = running("upgrade", "bert", str(running.store / "next.mar"), "--compare").stdout
    assert "1.0 and 2.0, embedding of 8 texts: 0 of another shape" in said
    assert "smallest cosine 1.000000" in said
    assert versions(running) == {"1.0": 1, "2.0": 2}
    assert ask(running, "bert/1.0").content != ask(running).content
    running("rollback", "bert")
    assert versions(running) == {"1.0": 2, "2.0": 1}
    running("retire", "bert")
    assert "no version of bert" in running("rollback", "bert", expect=1).stderr


@pytest.mark.parametrize("fault", ["settings", "numbers", "cut off", "the same version"])
def test_an_archive_that_is_wrong_changes_nothing(running, tmp_path, fault):
    def unknown_key(name, content):
        return content + b"\nnothing: 1\n" if name == "model-config.yaml" else content

    def not_finite(name, content):
        if not name.endswith(".safetensors"):
            return content
        data = 8 + struct.unpack("<Q", content[:8])[0]
        return content[:data] + struct.pack("<f", float("nan")) * ((len(content) - data) // 4)

    good, bad = running.store / "next.mar", tmp_path / "bad.mar"
    if fault == "settings":
        rewritten(good, bad, unknown_key)
    elif fault == "numbers":
        rewritten(good, bad, not_finite)
    elif fault == "cut off":
        bad.write_bytes(good.read_bytes()[:-100])
    else:
        shutil.copy(running.store / "bert.mar", bad)
    before = ask(running).content
    said = running("upgrade", "bert", str(bad), expect=1).stderr
    words = {
        "settings": "unknown key 'nothing'",
        "numbers": "not finite",
        "cut off": "is damaged or no archive",
        "the same version": "holds version 1.0 of bert already",
    }
    assert words[fault] in said
    assert versions(running) == {"1.0": 2}
    assert ask(running).content == before
    assert [link.name for link in (running.runs / str(running.port) / "archives").iterdir()] == ["bert-1.0.mar"]


def test_whoever_asks_a_version_that_is_retired_is_answered(running):
    done, seen = Event(), list[int]()

    def client():
        with requests.Session() as session:
            while not done.is_set():
                answer = session.post(f"{running.url}/predictions/bert/1.0", json={"inputs": "a"}, timeout=20)
                seen.append(answer.status_code)

    running("upgrade", "bert", str(running.store / "next.mar"))
    before = running.status()[0]["restarts"]
    with ThreadPoolExecutor(6) as pool:
        clients = [pool.submit(client) for _ in range(6)]
        try:
            wait_for(lambda: len(seen) > 50, "answers")
            running("retire", "bert")
            wait_for(lambda: seen[-6:] == [404] * 6, "words that it is gone")
        finally:
            done.set()
        for each in clients:
            each.result()  # none was forgotten
    assert set(seen) <= {200, 503, 404}
    assert versions(running) == {"2.0": 2}
    running("upgrade", "bert", str(running.store / "bert.mar"))
    running("retire", "bert")
    assert running.status()[0]["restarts"] == before  # the next workers found none that died
    assert versions(running) == {"1.0": 2}


@needs_haproxy
def test_a_model_is_added_to_a_running_server_and_the_gateway_in_front_of_it(running):
    body = {"input": upgrades.TEXT, "model": "other"}
    with calls.gateway(running) as gateway:
        folder = running.runs / f"gateway-{urlsplit(gateway.url).port}"
        assert requests.post(f"{gateway.url}/other/v1/embeddings", json=body, timeout=30).status_code == 404
        assert "other is served at" in running("start", "other").stdout
        assert ask(running, "other").status_code == 200
        through = requests.post(f"{gateway.url}/other/v1/embeddings", json=body, timeout=30)
        assert through.content == requests.post(f"{running.url}/predictions/other/1.0/v1/embeddings", json=body).content
        before = settings.load(folder).servers[0].in_flight
        running("scale", "bert", "1")
        assert f"maxconn {settings.load(folder).servers[0].in_flight} " in (folder / CONFIG).read_text()
        assert settings.load(folder).servers[0].in_flight < before
        running("scale", "bert", "2")
    assert [model["name"] for model in running.status()[0]["models"]] == ["bert", "other"]
    assert "already running" in running("start", "other").stdout


def test_commands_at_once_take_turns_and_one_that_was_killed_leaves_nothing(running, tiny, tmp_path):
    packer.pack(tiny, "third", "3.0", {}, running.store)
    killed = subprocess.Popen(
        [ROOT / "scripts" / "bert", "upgrade", "bert", running.store / "third.mar"],
        env=running.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: "3.0" in versions(running), "a third version")
    killed.kill()
    killed.wait()
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(running, "upgrade", "bert", str(running.store / f"{name}.mar")) for name in ("third", "next")
        ]
        last = max((each.result() for each in both), key=lambda done: "waiting for it" in done.stderr)
    assert "waiting for it" in last.stderr
    answers = running.status()[0]["models"][0]["version"]
    assert f"bert {answers} answers" in last.stdout
    assert set(versions(running)) == {"2.0", "3.0"}
    running("retire", "bert")
    assert set(versions(running)) == {answers}
