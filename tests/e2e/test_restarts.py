"""A server whose processes are killed comes back; one that cannot come back says so; one that is stopped refuses."""

import json
import os
import re
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import psutil
import pytest
import requests

from bert_client import BertClient
from handler.locks import is_locked
from scripts.paths import ROOT
from tests.e2e.conftest import wait_for
from tests.e2e.test_lifecycle import HELLO, ask, gone


def remembered(cli):
    return json.loads((cli.runs / str(cli.port) / "server.json").read_text())


def kill(pid):
    assert pid > 1
    os.kill(pid, signal.SIGKILL)


def counted(cli):
    """Workers that were replaced, as Prometheus reads it."""
    text = requests.get(f"http://127.0.0.1:{cli.port + 2}/metrics", timeout=60).text
    found = re.search(r'^bert_worker_restarts\{ModelName="tiny".*\} (\S+)$', text, re.MULTILINE)
    return found and found[1]


def ready(cli, count):
    try:
        workers = cli.workers("tiny")
    except (requests.ConnectionError, KeyError):  # Java is not there, or does not know the model yet
        return []
    return workers if [worker["status"] for worker in workers] == ["READY"] * count else []


def test_what_is_killed_comes_back_and_what_cannot_is_said(cli):
    cli("start", "tiny", "--workers", "1")
    logs = cli.runs / str(cli.port) / "logs"
    assert {file.stat().st_mode & 0o777 for file in logs.iterdir()} == {0o600}
    assert logs.stat().st_mode & 0o777 == logs.parent.stat().st_mode & 0o777 == 0o700
    cli("scale", "tiny", "2")
    refused = cli("scale", "tiny", "5000", expect=1).stderr
    assert "5000 workers of tiny do not fit: 4998 more take about" in refused

    victim = ready(cli, 2)[0]["pid"]
    with BertClient(cli.url, "tiny") as client:
        wanted = client.embed("hello")
        kill(victim)
        wait_for(lambda: (found := ready(cli, 2)) and victim not in [worker["pid"] for worker in found], "a new worker")
        wait_for(lambda: counted(cli) == "1.0", "a count")
        kill(remembered(cli)["pid"])
        assert (client.embed("hello") == wanted).all()  # waits for the next Java
    wait_for(lambda: ready(cli, 2), "as many workers as before")
    (report,) = cli.status()
    assert {**report["restarts"], "last": None} == {"workers": 1, "server": 1, "last": None}
    assert "ended by signal 9; attempt 1 to start it in 0.25 s" in cli("logs").stdout
    assert "restarts   1 of workers, 1 of the server, last at 2" in cli("status").stdout

    with pytest.raises(BlockingIOError):  # so nobody removes what is old in it
        flock(os.open(remembered(cli)["temporary"], os.O_RDONLY), LOCK_EX | LOCK_NB)
    (logs.parent / "config.properties").write_text("vmargs=-XX:NoSuchFlag\n")
    kill(remembered(cli)["pid"])
    wait_for((logs.parent / "failed.json").exists, "an end of attempts")
    failed = cli("status", expect=1).stderr
    assert "Java ended with exit status 1, 5 times in a row before every model had a worker" in failed
    assert "Unrecognized VM option 'NoSuchFlag'" in failed
    assert "cleared" in cli("stop").stdout
    assert cli.status() == []
    cli("start", "tiny", "--workers", "1")
    assert ask(cli).status_code == 200


def test_whoever_watches_is_replaced(cli):
    cli("start", "tiny", "--workers", "1")

    def another(before):
        return psutil.Process(
            wait_for(lambda: (now := remembered(cli)["supervisor"]) != before.pid and now, "another supervisor")
        )

    first = psutil.Process(cli.status()[0]["supervisor"])
    assert first.memory_info().rss < 32 << 20
    keeper = first.parent()
    kill(first.pid)
    second = another(first)
    assert second.parent() == keeper
    kill(remembered(cli)["pid"])
    wait_for(lambda: ready(cli, 1), "another Java")
    assert cli.status()[0]["restarts"]["server"] == 1

    kill(keeper.pid)  # the supervisor takes its place, and has another supervisor
    third = another(second)
    assert third.parent() == second
    assert "was killed, and process" in cli("logs").stdout
    kill(second.pid)
    kill(third.pid)
    wait_for(lambda: gone([second, third]), "the end of both")
    assert ask(cli).status_code == 200
    assert "nobody starts it again" in cli("status", expect=1).stdout
    assert "already running" in cli("start", "tiny").stdout
    assert cli.status()[0]["supervisor"] not in (None, third.pid)

    fourth = psutil.Process(remembered(cli)["supervisor"])
    keeper, java = fourth.parent(), psutil.Process(remembered(cli)["pid"])
    kill(fourth.pid)
    kill(java.pid)
    wait_for(lambda: gone([fourth, java]), "the end of both")
    assert cli.status()[0]["supervisor"] == keeper.pid or another(fourth)  # the keeper lives, and so does the server
    wait_for(lambda: ready(cli, 1), "another Java")
    all_of_it = [keeper, *map(psutil.Process, (remembered(cli)["supervisor"], remembered(cli)["pid"]))]
    for each in all_of_it:
        kill(each.pid)
    wait_for(lambda: gone(all_of_it), "the end of all")
    assert "and nobody stopped them" in cli("status", expect=1).stderr
    assert "has failed: Java and what starts it again are gone" in cli("scale", "tiny", "2", expect=1).stderr
    cli("start", "tiny", "--workers", "1")
    assert ask(cli).status_code == 200


def test_a_server_whose_temporary_folder_is_deleted_comes_back_and_says_why(cli):
    with TemporaryDirectory(dir="/tmp") as place:
        cli("start", "tiny", "--workers", "1", TMPDIR=place)
        first, supervisor = remembered(cli), psutil.Process(remembered(cli)["supervisor"])
        supervisor.suspend()
        shutil.rmtree(first["temporary"])
        assert ask(cli).status_code == 200
        said = cli("status", expect=1).stdout
        assert f"trouble    its temporary folder {first['temporary']} was deleted: nothing" in said
        assert "cannot be managed: its temporary" in cli("scale", "tiny", "2", "--timeout", "1", expect=1).stderr
        assert "cannot be managed: its temporary" in cli("upgrade", "tiny", "--timeout", "1", expect=1).stderr
        supervisor.resume()
        wait_for(lambda: remembered(cli)["pid"] != first["pid"], "another Java")
        kill(remembered(cli)["pid"])
        assert "already running" in cli("start", "tiny").stdout
        assert ask(cli).status_code == 200  # a start that says so has been answered
        cli("scale", "tiny", "2")
        log = (cli.runs / str(cli.port) / "logs" / "restarts.log").read_text()
        assert f"its temporary folder {first['temporary']} was deleted; attempt 1 to start it" in log
        assert cli.status()[0]["restarts"]["server"] == 2
        cli("stop")


def test_a_worker_that_cannot_load_is_counted_and_said_until_it_can(cli):
    cli("start", "tiny", "--workers", "1")
    (settings,) = (Path(remembered(cli)["temporary"]) / "archives").glob("tiny-*/model-config.yaml")
    good = settings.read_text()
    settings.write_text(good + "\nhandler: {nothing: 1}\n")
    kill(ready(cli, 1)[0]["pid"])
    wait_for(lambda: float(counted(cli) or 0) >= 2, "a count of two failures")
    (report,) = cli.status()
    assert report["restarts"]["workers"] >= 2
    (model,) = report["models"]
    assert [worker["status"] for worker in model["workers"]] == ["LOADING"]
    assert "nothing" in model["trouble"].splitlines()[-1]
    assert "no worker of tiny 1.0 is ready; the last one that failed said:" in cli("status").stdout
    settings.write_text(good)
    wait_for(lambda: ready(cli, 1), "a worker")
    assert cli.status()[0]["models"][0]["trouble"] == ""


def test_a_stop_answers_what_was_accepted_refuses_the_rest_and_a_start_waits_for_it(cli):
    cli("start", "bert", "--workers", "1")
    begun, over = Event(), Event()

    def slow(number):
        begun.set()
        body = {"inputs": [f"{number} " + "word " * 250] * 8}
        return requests.post(f"{cli.url}/predictions/bert", json=body, timeout=120).status_code

    def endless():
        seen = []
        while not over.is_set():
            try:
                answer = requests.post(f"{cli.url}/predictions/bert", json={"inputs": "a"}, timeout=120)
                seen.append((answer.status_code, answer.headers.get("retry-after"), answer.headers["connection"]))
            except requests.ConnectionError:
                over.wait(0.05)
        return seen

    folder = cli.runs / str(cli.port)
    watcher = psutil.Process(remembered(cli)["supervisor"])
    with ThreadPoolExecutor(20) as pool:
        accepted = [pool.submit(slow, number) for number in range(8)]
        begun.wait()
        wait_for(lambda: any(map(is_locked, (folder / "locks").glob("*"))), "a busy worker")
        others = [pool.submit(endless) for _ in range(8)]
        stop = subprocess.Popen([ROOT / "scripts" / "bert", "stop", "--drain", "100"], env=cli.environment())
        try:
            wait_for(lambda: is_locked(folder / "stopping"), "a stop under way")
            cli("start", "bert", "--workers", "1")
            assert stop.wait(60) == 0
        finally:
            stop.kill()
            over.set()
        assert [answer.result() for answer in accepted] == [200] * 8
        seen = {each for answers in others for each in answers.result()}
    assert seen == {(200, None, "keep-alive"), (503, "1", "close")}
    assert gone([watcher])
    assert requests.post(f"{cli.url}/predictions/bert", json=HELLO, timeout=60).status_code == 200
