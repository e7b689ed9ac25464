"""The run for a GPU host, rehearsed whole with the CPU in the GPU's place and tiny shapes."""

import os
import subprocess
import sys

import orjson
import psutil
import pytest

from benchmarks.gpu.part import PARTS
from scripts.paths import ROOT
from tests.e2e.conftest import wait_for

SECONDS = 280


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    command = ["--out", str(folder), "--device", "cpu", "--sizes", "tiny", "--seconds", str(SECONDS)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *command],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "BERT_RUNS"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS + 60,
    )
    assert done.returncode == 0, done.stdout + done.stderr + (folder / "log.txt").read_text()[-5000:]
    return folder


@pytest.fixture(scope="module")
def parts(folder):
    return orjson.loads((folder / "gpu.json").read_bytes())["parts"]


def test_every_part_is_there_and_ended_in_time(parts):
    assert list(parts) == list(PARTS)
    for name, kinds in parts.items():
        assert "failed" not in kinds, name
        (ended,) = kinds["ended"]
        assert ended["status"] == 0
        assert ended["seconds"] < ended["limit"]
    assert sum(kinds["ended"][0]["seconds"] for kinds in parts.values()) < SECONDS


def test_nothing_that_was_tried_failed(parts):
    rows = [(name, kind, row) for name, kinds in parts.items() for kind, rows in kinds.items() for row in rows]
    assert [each for each in rows if isinstance(each[2].get("failed"), str)] == []


def test_float32_has_its_digits_in_every_cell(parts):
    cells = [cell for cell in parts["parity"]["cell"] if "skipped" not in cell and cell["dtype"] == "float32"]
    assert {cell["runtime"] for cell in cells} == {"packed", "eager"}
    assert len(cells) > 20
    assert [cell for cell in cells if not cell["ok"]] == []


def test_the_server_was_asked_all_of_it(parts):
    served = parts["served"]
    assert served["mixed"][0]["wrong"] == 0
    assert {row["way"] for row in served["wire"]} >= {"native", "openai", "grpc"}
    assert all(row["agrees"] for row in served["wire"])
    for kind in ("start", "plain", "rate", "scaled", "killed", "second"):
        assert served[kind], kind
    assert served["memory"] == [{"skipped": "the CPU stands in for the GPU"}]


def test_what_was_wanted_stands_beside_what_was_found(folder):
    result = orjson.loads((folder / "gpu.json").read_bytes())
    lines = {row["line"]: row for row in result["wanted"]}
    (parity,) = [row for line, row in lines.items() if line.startswith("parity, float32")]
    assert parity["ok"]
    assert parity["found"] <= parity["wanted"]
    assert lines["wrong answers and 5xx in the mixed load"]["found"] == 0
    assert lines["share of the peak, bert-base at 128 tokens"] == {
        "line": "share of the peak, bert-base at 128 tokens",
        "wanted": 0.5,
        "found": None,
        "ok": False,
    }
    assert (folder / "chart.svg").read_text().startswith("<svg")
    assert (folder / "profile.txt").stat().st_size > 1000
    assert "==> 2" in (folder / "servers.txt").read_text()  # of a server on port 2...
    assert len([file for file in folder.rglob("*") if file.is_file()]) < 8  # few come back from some hosts


def test_without_a_gpu_the_run_says_so_and_writes_nothing(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path / "out")]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "no GPU can be used" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_leaves_nothing(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path), "--device", "cpu", "--sizes", "tiny"]
    process = subprocess.Popen([*command, "--parts", "served"], cwd=ROOT, stdout=subprocess.DEVNULL)

    def started():
        file = tmp_path / "results.jsonl"
        return file.exists() and '"kind":"start"' in file.read_text()

    wait_for(started, "a server of the run")
    family = psutil.Process(process.pid).children(recursive=True)
    java = [each for each in psutil.process_iter(["cmdline"]) if "bert-gpu-" in " ".join(each.info["cmdline"] or [])]
    assert any("java" in each.name() for each in java)
    process.terminate()
    assert process.wait(60) == 143
    assert not [each for each in (*family, *java) if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_a_part_that_hangs_costs_the_others_nothing(monkeypatch, tmp_path):
    """The first part ignores SIGTERM; the second one has its time."""
    folder = tmp_path / "hanging"
    folder.mkdir()
    (folder / "hanging.py").write_text(
        "import signal, time\n"
        "def run(context):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    context.add('begun')\n"
        "    time.sleep(600)\n"
    )
    (folder / "sitecustomize.py").write_text("import sys, hanging\nsys.modules['benchmarks.gpu.host'] = hanging\n")
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path / "out"), "--device", "cpu"]
    done = subprocess.run(
        [*command, "--sizes", "tiny", "--seconds", "40", "--parts", "host", "profile"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 1
    parts = orjson.loads((tmp_path / "out" / "gpu.json").read_bytes())["parts"]
    assert parts["host"]["begun"] == [{}]
    assert parts["host"]["ended"][0]["status"] < 0
    assert parts["host"]["ended"][0]["seconds"] < parts["host"]["ended"][0]["limit"] + 1
    assert parts["profile"]["ended"][0]["status"] == 0
    assert parts["profile"]["kernel"]
