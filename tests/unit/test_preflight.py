"""What is checked before a server starts: addresses, ports, devices, archives."""

import json
import socket
import stat
import zipfile
from dataclasses import replace

import pytest

from scripts.console import Failure
from scripts.server import devices, launch, preflight
from scripts.server.gpu import GpuInfo
from scripts.server.preflight import Options


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


def test_an_archive_for_another_device_is_refused_before_the_start(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", "{}")
        archive.writestr("model-config.yaml", "deviceType: gpu\n")
    with pytest.raises(Failure, match=r"--device cpu, and a.mar was packed with deviceType: gpu"):
        preflight.archives(Options(tmp_path, device="cpu"))
    monkeypatch.setattr(devices, "hardware", list)
    with pytest.raises(Failure, match="no GPU can be used: none on this machine"):
        preflight.archives(Options(tmp_path))
    monkeypatch.setattr(devices, "usable", lambda device: 1)
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
    monkeypatch.setattr(preflight, "probe", lambda: GpuInfo([], None, 0, None))
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


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "name", ["../../evil.py", "a/../../b", "/etc/cron.d/x", "..\\x", "C:\\x", link("checkpoint/l")]
)
def test_entries_that_lead_out_of_an_archive_are_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", "{}")
        archive.writestr("checkpoint/a..b", "{}")
    assert preflight.archives(Options(tmp_path)) == ["a"]
    with zipfile.ZipFile(tmp_path / "a.mar", "a") as archive:
        archive.writestr(name, "/etc")
    named = name if isinstance(name, str) else name.filename
    with pytest.raises(Failure, match="which TorchServe would write outside of the folder") as caught:
        preflight.archives(Options(tmp_path))
    assert repr(named) in caught.value.what


def test_an_entry_with_another_name_before_its_bytes_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", "{}")
        archive.writestr("aaaaaaa", "x")
    content = (tmp_path / "a.mar").read_bytes()
    (tmp_path / "a.mar").write_bytes(content.replace(b"aaaaaaa", b"../../a", 1))
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
    assert list(Options(tmp_path).ports().values()) == [8080, 8081, 8082, 7070]
    assert list(Options(tmp_path, inference_port=9000).ports().values()) == [9000, 9001, 9002, 9003]


@pytest.mark.parametrize(
    "origin",
    ["*", "https://app.example.com", "http://localhost:3000", "http://[::1]:8000", "https://xn--bcher-kva.example"],
)
def test_origins_that_browsers_send(tmp_path, origin):
    preflight.check_place(Options(tmp_path, device="cpu", inference_port=9000, cors_origin=origin))
    lines = launch.properties(Options(tmp_path, device="cpu", cors_origin=origin), 0, tmp_path)
    assert f"\ncors_allowed_origin={origin}\n" in lines
    assert "\ncors_allowed_headers=authorization, " in lines
    assert "cors_allowed" not in launch.properties(Options(tmp_path, device="cpu"), 0, tmp_path)


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "",
            "null",
            "app.example.com",
            "https://app.example.com/",
            "https://*.example.com",
            "https://App.example.com",
        ),
        *("https://a.example,https://b.example", "https://a.example https://b.example", "ftp://a.example"),
        *("https://a.example:443", "http://a.example:80", "https://a.example\nvmargs=-X", "https://bücher.example"),
    ],
)
def test_origins_that_no_browser_sends(tmp_path, origin):
    with pytest.raises(Failure, match="is no origin as browsers send it") as refused:
        preflight.check_place(Options(tmp_path, device="cpu", inference_port=9000, cors_origin=origin))
    assert "https://app.example.com" in refused.value.fix


def test_a_file_of_keys_is_made_or_given(tmp_path):
    options = Options(tmp_path, device="cpu", inference_port=9000, auth=True, keys=tmp_path / "keys")
    with pytest.raises(Failure, match=r"--auth makes a file of keys, and --keys .* gives"):
        preflight.check_place(options)


def test_another_projects_handler_of_the_same_name_asks_for_no_keys(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.mar", "w") as packed:
        packed.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"handler": "bert_handler.py"}}))
    with pytest.raises(Failure, match="asks for no keys"):
        preflight.archives(Options(tmp_path, auth=True))


def test_metrics_have_an_address_of_their_own(taken, tmp_path):
    options = Options(tmp_path, inference_port=taken + 10, metrics_host="192.0.2.1")
    with pytest.raises(Failure, match=r"--metrics-host 192\.0\.2\.1 is no IPv4 address of this machine"):
        preflight.check_ports(options)
    lines = launch.properties(Options(tmp_path, metrics_host="0.0.0.0", inference_port=9000, device="cpu"), 0, tmp_path)
    assert "\nmetrics_address=http://0.0.0.0:9002\n" in lines
    assert f"\nmanagement_address=unix://{tmp_path}/" in lines


@pytest.mark.parametrize(
    "handler", ["bert_handler.py", "image_classifier", "distil_bert_handler.py", ["bert_handler.py"]]
)
def test_who_asks_for_keys_serves_no_archive_that_does_not(tmp_path, handler):
    with zipfile.ZipFile(tmp_path / "a.mar", "w") as packed:
        packed.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": {"handler": handler, "modelVersion": "1.0"}}))
        packed.writestr("handler/keys.py", "")
    options = Options(tmp_path)
    assert preflight.archives(options) == ["a"]
    for keyed in (replace(options, keys=tmp_path / "keys"), replace(options, auth=True)):
        if handler == "bert_handler.py":
            assert preflight.archives(keyed) == ["a"]
            continue
        with pytest.raises(Failure, match="asks for no keys") as caught:
            preflight.archives(keyed)
        assert "behind a proxy that asks" in caught.value.fix
