"""Parts of the server control that need no server: verdicts, ports, addresses, tracebacks, locks."""

import fcntl
import socket
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.console import Failure
from scripts.server import devices, doctor, launch, management, preflight, state, stop
from scripts.server.gpu import Facts, verdict
from scripts.server.preflight import Options
from scripts.verbs import lifecycle

CARD = ["NVIDIA H100, 550.54"]


@pytest.mark.parametrize(
    ("facts", "ok", "words"),
    [
        (Facts([], None, 0, None), True, "none on this machine"),
        (Facts(CARD, "13.0", 1, None), True, "1 used"),
        (Facts(CARD, None, 0, None), False, "CPU build"),
        (Facts(CARD, "13.0", 0, ""), False, "hidden by CUDA_VISIBLE_DEVICES=''"),
        (Facts(CARD, "13.0", 0, "-1"), False, "hidden by CUDA_VISIBLE_DEVICES='-1'"),
        (
            Facts(CARD, "13.0", 0, None, "The NVIDIA driver on your system is too old"),
            False,
            "too old for CUDA 13.0",
        ),
        (Facts(CARD, "13.0", 0, None, "No CUDA-capable device"), False, "No CUDA-capable device"),
    ],
)
def test_why_a_gpu_is_or_is_not_used(facts, ok, words):
    finding = verdict(facts)
    assert (finding.ok, words in finding.detail) == (ok, True)
    assert ok or finding.fix


def test_doctor_names_a_package_that_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "handler.runtimes", raising=False)
    findings = doctor.examine(Options(tmp_path))
    assert ("packages", "make install") in {(each.name, each.fix) for each in findings if not each.ok}
    assert {"java", "archives"} <= {each.name for each in findings}


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_names_its_holder_and_the_flag(taken, tmp_path):
    with pytest.raises(Failure, match=rf"port {taken} is taken by .*pid") as caught:
        preflight.check_ports(Options(tmp_path, inference_port=taken))
    assert caught.value.fix == "choose another with --inference-port"
    with pytest.raises(Failure) as caught:
        preflight.check_ports(Options(tmp_path, inference_port=taken + 10, metrics_port=taken))
    assert caught.value.fix == "choose another with --metrics-port"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_is_open(host, tmp_path):
    preflight.check_address(Options(tmp_path, host=host))


def test_other_addresses_need_a_token_or_a_word(tmp_path):
    with pytest.raises(Failure, match="lets every machine") as caught:
        preflight.check_address(Options(tmp_path, host="0.0.0.0"))
    assert "--auth" in caught.value.fix
    preflight.check_address(Options(tmp_path, host="0.0.0.0", auth=True))
    preflight.check_address(Options(tmp_path, host="0.0.0.0", insecure=True))


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
    assert devices.told(gpus, environment) == told


def test_only_a_machine_with_a_gpu_waits_for_torch(monkeypatch):
    monkeypatch.setattr(devices, "hardware", list)
    monkeypatch.setattr(devices, "look", pytest.fail)
    assert devices.usable(None) == 0
    monkeypatch.setattr(devices, "hardware", lambda: CARD)
    assert devices.usable("cpu") == 0
    monkeypatch.setattr(devices, "look", lambda: Facts(CARD, "13.0", 1, None))
    assert devices.usable(None) == 1


def test_an_archive_for_another_device_is_refused_before_the_start(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", "{}")
        archive.writestr("model-config.yaml", "deviceType: gpu\n")
    with pytest.raises(Failure, match=r"--device cpu, and a.mar was packed with deviceType: gpu"):
        preflight.archives(Options(tmp_path, device="cpu"))
    assert preflight.archives(Options(tmp_path, device="gpu")) == preflight.archives(Options(tmp_path)) == ["a"]


def test_workers_follow_the_cores_or_the_gpus(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "cores", lambda: 4)
    monkeypatch.setattr(devices, "usable", lambda device: 0)
    assert preflight.default_workers(Options(tmp_path), ["a"]) == 4
    assert preflight.default_workers(Options(tmp_path), ["a", "b"]) == 0
    monkeypatch.setattr(devices, "usable", lambda device: 0 if device == "cpu" else 1)
    assert preflight.default_workers(Options(tmp_path), ["a"]) == 2
    assert preflight.default_workers(Options(tmp_path, device="cpu"), ["a"]) == 4


def test_a_device_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "look", lambda: Facts([], None, 0, None))
    with pytest.raises(Failure, match="--device gpu: none on this machine"):
        preflight.check_device(Options(tmp_path, device="gpu"))
    with pytest.raises(Failure, match="not known"):
        preflight.check_device(Options(tmp_path, device="tpu"))
    preflight.check_device(Options(tmp_path, device="cpu"))


def test_archives(tmp_path):
    with pytest.raises(Failure, match="no archives in"):
        preflight.archives(Options(tmp_path))
    for name in ("b.mar", "a.mar"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("MAR-INF/MANIFEST.json", "{}")
    assert preflight.archives(Options(tmp_path)) == ["a", "b"]
    with pytest.raises(Failure, match=r"no archive c\.mar in .*; there are: a, b"):
        preflight.archives(Options(tmp_path, models=["c"]))


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 and then it was cut off"])
def test_a_damaged_archive_is_refused_before_anything_starts(tmp_path, content):
    (tmp_path / "a.mar").write_bytes(content)
    with pytest.raises(Failure, match="is damaged or no archive"):
        preflight.archives(Options(tmp_path))


def test_an_address_that_is_not_here_is_not_called_taken(tmp_path):
    for host in ("::1", "192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(Failure, match="is no IPv4 address of this machine"):
            preflight.check_ports(Options(tmp_path, host=host, inference_port=23456))


def test_one_port_for_two_things_is_refused(tmp_path):
    with pytest.raises(Failure, match="--inference-port and --metrics-port are both 23456"):
        preflight.check_ports(Options(tmp_path, inference_port=23456, metrics_port=23456))
    with pytest.raises(Failure, match="65536 is not between"):
        preflight.check_ports(Options(tmp_path, inference_port=65535))


def test_ports_follow_the_inference_port(tmp_path):
    assert list(Options(tmp_path).ports().values()) == [8080, 8081, 8082, 7070, 7071]
    assert list(Options(tmp_path, inference_port=9000).ports().values()) == [9000, 9001, 9002, 9003, 9004]


def test_two_starts_on_one_port_do_not_meet(tmp_path, monkeypatch):
    monkeypatch.setattr(state.paths, "RUNS", tmp_path)
    with launch.alone(9000), pytest.raises(Failure, match="another start on port 9000"), launch.alone(9000):
        pass
    with launch.alone(9000), launch.alone(9001):
        pass


def test_the_servers_own_settings_come_last(tmp_path):
    lines = launch.properties(Options(tmp_path, inference_port=9000, device="cpu"), 0).splitlines()
    last = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert last["inference_address"] == "http://127.0.0.1:9000"
    assert last["number_of_gpu"] == "0"
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
        "auth": False,
    }
    return state.Server(**{**known, **keys})


def test_a_start_beside_a_server_without_that_model_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "running", lambda: [server(tmp_path, models=["tickets", "bert"])])
    assert lifecycle.already(8080, [])
    assert lifecycle.already(8080, ["bert"])
    assert not lifecycle.already(9080, ["other"])
    with pytest.raises(Failure, match="port 8080 serves tickets, bert and not other, more;") as caught:
        lifecycle.already(8080, ["bert", "other", "more"])
    assert "scripts/bert start tickets bert other more" in caught.value.fix
    assert "--inference-port" in caught.value.fix


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
    assert state.running() == []


def test_no_log_no_traceback(tmp_path):
    assert management.traceback(server(tmp_path), "bert") == ""


def test_a_lock_shows_who_is_busy(tmp_path):
    (tmp_path / "locks").mkdir()
    with (tmp_path / "locks" / "1").open("wb") as lock:
        assert stop.busy(server(tmp_path)) == 0
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert stop.busy(server(tmp_path)) == 1


def test_a_server_that_is_gone_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(state.paths, "RUNS", tmp_path)
    gone = server(tmp_path / "8080", pid=2**22 + 1)
    (tmp_path / "8080" / "logs").mkdir(parents=True)
    gone.save()
    assert state.running() == []
    assert not (tmp_path / "8080" / state.FILE).exists()
    assert (tmp_path / "8080" / "logs").exists()
    with pytest.raises(Failure, match="no server of this project runs on port 8080"):
        state.find(8080)


def test_a_reused_pid_is_not_the_server(tmp_path):
    import os

    assert server(tmp_path, pid=os.getpid(), created=1.0).process() is None


def test_the_operators_own_java_flags_come_last(monkeypatch):
    monkeypatch.setattr(launch, "cores", lambda: 2)
    flags = launch.java_flags("a=b\nvmargs=-Dlog4j.configurationFile=x.xml -Xmx1g -XX:+UseG1GC\n")
    ours = "-XX:TieredStopAtLevel=1 -Djava.util.concurrent.ForkJoinPool.common.parallelism=4"
    assert flags == f"{ours} -Xmx1g -XX:+UseG1GC"  # Java refuses two collectors
    assert launch.java_flags("vmargs=-Xmx1g") == f"-XX:+UseSerialGC {ours} -Xmx1g"
    monkeypatch.setattr(launch, "cores", lambda: 16)
    assert launch.java_flags("vmargs=-Xmx1g") == "-Xmx1g"
    assert launch.java_flags("") == ""
