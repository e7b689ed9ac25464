"""Units of systemd, by its own word."""

import shlex
import shutil
import subprocess
from zipfile import ZipFile

import pytest

from scripts.paths import ROOT


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
@pytest.mark.parametrize(
    ("words", "devices"),
    [
        (["service"], True),
        (["service", "bert", "--host", "0.0.0.0", "--insecure", "--device", "cpu", "--drain", "5"], False),
        (
            [
                "gateway",
                "--unit",
                "--server",
                "http://a:8080?zone=b",
                "--model",
                "bert",
                "--rate",
                "ada=5",
                "--rate",
                "9",
            ],
            False,
        ),
        (["gateway", "--unit", "--server", "http://a:8080", "--model", "bert", "--port", "443"], False),
    ],
)
def test_systemd_takes_the_unit(tmp_path, words, devices):
    keys = tmp_path / "keys"
    keys.write_text(f"ada:{'k' * 24}\n")
    keys.chmod(0o600)
    with ZipFile(tmp_path / "bert.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", '{"model": {"handler": "bert_handler.py"}}')
        archive.writestr("handler/keys.py", "")
    more = ["--keys", keys, *(["--model-store", tmp_path] if words[0] == "service" else [])]
    command = [ROOT / "scripts" / "bert", *words, *more]
    unit = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (start,) = (line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecStart="))
    assert {*map(str, command[2:]), "--foreground"} - {"--unit"} <= set(shlex.split(start))
    file = tmp_path / "bert.service"
    file.write_text(unit)
    found = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    assert (found.returncode, [line for line in found.stderr.splitlines() if "bert" in line]) == (0, [])
    assert ("PrivateDevices=yes" not in unit) == devices
    file.write_text(unit.replace("KillMode=mixed", "KillMode=mixt"))
    broken = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    assert "kill mode" in broken.stderr


def test_a_unit_is_of_an_archive_that_is_there_and_of_servers_that_are_named():
    for words, why in ((["service", "nope"], "no archive nope.mar"), (["gateway", "--unit"], "does not see which")):
        found = subprocess.run([ROOT / "scripts" / "bert", *words], capture_output=True, text=True)
        assert (found.returncode, found.stdout) == (1, "")
        assert why in found.stderr
