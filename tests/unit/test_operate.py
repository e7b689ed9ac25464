"""Parts of the server control that need no server: verdicts, settings, logs, tracebacks, locks."""

import fcntl
import json
import os
import sys
from pathlib import Path

import psutil
import pytest
import requests

from handler.locks import stop_note
from scripts.console import Failure
from scripts.server import (
    devices,
    doctor,
    draining,
    failed,
    launch,
    listing,
    management,
    processes,
    refusal,
    state,
    tail,
)
from scripts.server.gpu import GpuInfo, diagnose
from scripts.server.preflight import Options

CARD = ["NVIDIA H100, 550.54"]


@pytest.mark.parametrize(
    ("facts", "ok", "words"),
    [
        (GpuInfo([], None, 0, None), True, "none on this machine"),
        (GpuInfo(CARD, "13.0", 1, None), True, "1 used"),
        (GpuInfo(CARD, None, 0, None), False, "CPU build"),
        (GpuInfo(CARD, "13.0", 0, ""), False, "hidden by CUDA_VISIBLE_DEVICES=''"),
        (GpuInfo(CARD, "13.0", 0, "-1"), False, "hidden by CUDA_VISIBLE_DEVICES='-1'"),
        (
            GpuInfo(CARD, "13.0", 0, None, "The NVIDIA driver on your system is too old"),
            False,
            "too old for CUDA 13.0",
        ),
        (GpuInfo(CARD, "13.0", 0, None, "No CUDA-capable device"), False, "No CUDA-capable device"),
    ],
)
def test_why_a_gpu_is_or_is_not_used(facts, ok, words):
    finding = diagnose(facts)
    assert (finding.ok, words in finding.detail) == (ok, True)
    assert ok or finding.fix


def test_doctor_names_a_package_that_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "handler.runtimes", raising=False)
    findings = doctor.examine(Options(tmp_path))
    assert ("packages", "make install") in {(each.name, each.fix) for each in findings if not each.ok}
    assert {"java", "archives"} <= {each.name for each in findings}


@pytest.mark.parametrize(
    ("gpus", "given", "smi", "told"),
    [
        (2, None, True, {}),
        (2, None, False, {"CUDA_VISIBLE_DEVICES": "0,1"}),
        (2, "3,5", True, {}),
        (2, "3, 5", True, {"CUDA_VISIBLE_DEVICES": "0,1", "BERT_VISIBLE_DEVICES": "3, 5"}),
        (1, "GPU-8f", True, {"CUDA_VISIBLE_DEVICES": "0", "BERT_VISIBLE_DEVICES": "GPU-8f"}),
        (1, "0,99", True, {"CUDA_VISIBLE_DEVICES": "0", "BERT_VISIBLE_DEVICES": "0,99"}),
        (0, "MIG-8f", True, {"CUDA_VISIBLE_DEVICES": ""}),
        (0, None, True, {}),
    ],
)
def test_java_is_told_of_gpus_in_numbers(monkeypatch, gpus, given, smi, told):
    monkeypatch.setattr(devices.shutil, "which", lambda _: smi or None)
    environment = {} if given is None else {"CUDA_VISIBLE_DEVICES": given}
    assert devices.worker_gpu_environment(gpus, environment) == told


def test_only_a_machine_with_a_gpu_waits_for_torch(monkeypatch):
    monkeypatch.setattr(devices, "hardware", list)
    monkeypatch.setattr(devices, "probe", pytest.fail)
    assert devices.usable(None) == 0
    monkeypatch.setattr(devices, "hardware", lambda: CARD)
    assert devices.usable("cpu") == 0
    monkeypatch.setattr(devices, "probe", lambda: GpuInfo(CARD, "13.0", 1, None))
    assert devices.usable(None) == 1


def test_two_starts_on_one_port_do_not_meet(tmp_path, monkeypatch):
    monkeypatch.setattr(state.paths, "RUNS", tmp_path)
    with launch.port_lock(9000), pytest.raises(Failure, match="another start on port 9000"), launch.port_lock(9000):
        pass
    with launch.port_lock(9000), launch.port_lock(9001):
        pass


def test_the_servers_own_settings_come_last(tmp_path):
    lines = launch.properties(Options(tmp_path, inference_port=9000, device="cpu"), 0, tmp_path).splitlines()
    last = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert last["inference_address"] == "http://127.0.0.1:9000"
    assert last["number_of_gpu"] == "0"
    assert last["management_address"] == f"unix://{tmp_path}/management.sock"
    assert Path(last["metrics_config"]).is_absolute()


LOG = """\
2026-01-01T00:00:00,000 W-9000-bert_1.0-stdout - Backend worker process died.
2026-01-01T00:00:00,000 W-9000-bert_1.0-stdout - Traceback (most recent call last):
2026-01-01T00:00:00,000 W-9000-bert_1.0-stdout -   File "bert_handler.py", line 34, in initialize
2026-01-01T00:00:00,000 W-9000-bert_1.0-stdout -     self.pipeline = load()
2026-01-01T00:00:00,000 W-9000-bert_1.0-stdout - handler.errors.ConfigError: model-config.yaml: unknown key
2026-01-01T00:00:00,000 W-9000-bert_1.0-stdout - something after it
"""


def server(folder, **keys):
    known = {
        "pid": 1,
        "created": 0.0,
        "host": "127.0.0.1",
        "inference_port": 8080,
        "management_port": 8081,
        "metrics_port": 8082,
        "grpc_port": 7070,
        "models": ["bert"],
        "store": str(folder),
        "folder": str(folder),
        "temporary": str(folder / "tmp"),
    }
    return state.Server(**{**known, **keys})


def test_logs_leave_out_what_every_start_writes(tmp_path, monkeypatch, capsys):
    lines = [
        "Warning: TorchServe is using non-default JVM parameters: -XX:+UseSerialGC",
        'nvidia-smi not available or failed: Cannot run program "nvidia-smi"',
        "Model server started.",
    ]
    (tmp_path / "console.log").write_text("\n".join(lines))
    monkeypatch.setattr(tail, "hardware", list)
    tail.follow(tmp_path, 40, following=False)
    shown = capsys.readouterr()
    assert shown.out == "Model server started.\n"
    assert "console.log (2 lines that every start writes are left out" in shown.err
    monkeypatch.setattr(tail, "hardware", lambda: CARD)
    assert tail.without_usual_warnings(lines) == lines[1:]  # where there is a card, this one is news


def answered(status, kind):
    answer = requests.Response()
    answer.status_code = status
    answer._content = json.dumps({"code": status, "type": kind, "message": "please refer to API document"}).encode()
    return answer


def test_a_model_that_is_not_served_is_told_what_is(tmp_path, monkeypatch):
    monkeypatch.setattr(management, "describe", lambda server, model: {"modelVersion": "1.0"})
    one = server(tmp_path, models=["bert", "tiny"])
    for status, kind in ((404, "ModelNotFoundException"), (404, "ModelVersionNotFoundException")):
        failure = refusal.explain(one, "brt", answered(status, kind))
        assert failure.what == "no model or version brt on port 8080"
        assert failure.why == "this server serves bert (1.0), tiny (1.0)"
        assert "scripts/bert predict bert TEXT" in failure.fix
    assert refusal.explain(one, "a/b", answered(405, "MethodNotAllowedException")).what.startswith("no address a/b")
    assert "its queue is full" in refusal.explain(one, "bert", answered(503, "ServiceUnavailableException")).what
    own = requests.Response()
    own.status_code, own._content = 422, b'{"error": "text 1 of 1 is empty"}'
    assert refusal.explain(one, "bert", own).why == '{"error": "text 1 of 1 is empty"}'


def test_a_workers_traceback_is_cut_out_of_the_log(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.log").write_text(LOG)
    assert management.traceback(server(tmp_path), "other") == ""
    lines = management.traceback(server(tmp_path), "bert").splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "handler.errors.ConfigError: model-config.yaml: unknown key"


def test_a_traceback_still_being_written_is_none(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.log").write_text("\n".join(LOG.splitlines()[:4]))
    assert management.traceback(server(tmp_path), "bert") == ""


def test_a_damaged_note_of_a_server_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(state.paths, "RUNS", tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / state.FILE).touch()
    assert listing.prune_and_list() == []


def test_the_traceback_of_a_try_before_is_none_of_this_one(tmp_path):
    of = server(tmp_path)
    line = "2026-01-01T00:00:00,000 W-9000-bert_1.0-stdout - {}\n"
    words = ["Traceback (most recent call last):", "  File", "ValueError: {}"]
    log = of.logs / "worker.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(line.format(each.format("first")) for each in words))
    begin = management.logged(of)
    assert management.traceback(of, "bert", "1.0").endswith("first")
    assert management.traceback(of, "bert", "1.0", begin) == ""
    with log.open("a") as more:
        more.write("".join(line.format(each.format("second")) for each in words))
    assert management.traceback(of, "bert", "1.0", begin).endswith("second")
    log.write_text("".join(line.format(each.format("third")) for each in words))  # begun anew, and as long
    assert management.traceback(of, "bert", "1.0", begin + 1).endswith("third")


def test_no_log_no_traceback(tmp_path):
    assert management.traceback(server(tmp_path), "bert") == ""


def test_a_lock_shows_who_is_busy(tmp_path):
    (tmp_path / "locks").mkdir()
    with (tmp_path / "locks" / "1").open("wb") as lock:
        assert draining.busy(server(tmp_path)) == 0
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert draining.busy(server(tmp_path)) == 1


def test_a_server_that_is_gone_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(state.paths, "RUNS", tmp_path)
    gone = server(tmp_path / "8080", pid=2**22 + 1)
    (tmp_path / "8080" / "logs").mkdir(parents=True)
    gone.save()
    for at_work in (gone.starting, stop_note(gone.locks)):  # who says himself what becomes of it
        with at_work.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert listing.prune_and_list() == []
            assert gone.remembered()
    assert listing.prune_and_list() == []
    assert not (tmp_path / "8080" / state.FILE).exists()
    assert (tmp_path / "8080" / "logs").exists()
    (note,) = failed.listed()
    assert note.reason == listing.VANISHED
    with pytest.raises(Failure, match="the server on port 8080 has failed: Java and what starts it again are gone"):
        listing.find(8080)
    assert failed.clear(8080)
    with pytest.raises(Failure, match="no server is running on port 8080"):
        listing.find(8080)


def test_a_reused_pid_is_not_the_server(tmp_path):
    assert server(tmp_path, pid=os.getpid(), created=1.0).process() is None
    assert server(tmp_path, pid=os.getpid(), created=1.0e9).process() is None


def test_a_step_of_the_wall_clock_changes_no_process(tmp_path, monkeypatch):
    mine = server(tmp_path, pid=os.getpid(), created=processes.born(os.getpid()))
    earlier = server(tmp_path, pid=os.getpid(), created=psutil.Process().create_time())  # as it once was written down
    assert mine.process() == earlier.process() == psutil.Process()
    boot = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + 3600)
    assert mine.process() == psutil.Process()
    assert earlier.process() is None


def test_the_operators_own_java_flags_come_last(monkeypatch):
    monkeypatch.setattr(launch, "cores", lambda: 2)
    monkeypatch.setattr(launch, "LOW_CORE_JVM_FLAGS", ("-XX:+UseSerialGC", "-Xms96m"))
    monkeypatch.setattr(launch, "JVM_FLAGS", ("-Da=b",))
    given = launch.of_file("vmargs=-X\na=b\nvmargs=-Dlog4j.configurationFile=x.xml -Xmx1g -XX:+UseG1GC\n", "vmargs")
    flags = launch.java_flags(given)
    assert flags == "-Xms96m -Da=b -Xmx1g -XX:+UseG1GC"  # Java refuses two collectors
    assert launch.java_flags("-Xmx1g") == "-XX:+UseSerialGC -Xms96m -Da=b -Xmx1g"
    monkeypatch.setattr(launch, "cores", lambda: 16)
    assert launch.java_flags("-Xmx1g") == "-Da=b -Xmx1g"
    assert launch.java_flags("") == "-Da=b"
