"""Which Python `scripts/setup` takes, and what it says when a package cannot be installed."""

import os
import shutil
import subprocess

import pytest

from scripts.paths import ROOT

PYTHON = """#!/bin/sh
# A Python of version {version}: it answers the question for it, makes environments, and installs with status {status}.
case "$*" in
    -c*) [ "{version}" -ge 311 ] && [ "{version}" -le 313 ] ;;
    "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo {version} >.venv/version ;;
    *pip*)
        echo "Collecting torch==1.0 (from -r x)"
        echo "  noise"
        [ {status} = 0 ] || echo "ERROR: no match"
        exit {status} ;;
esac
"""


@pytest.fixture
def setup(tmp_path):
    """Run a copy of the script with nothing but the given Pythons on the path."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts")
    (tmp_path / "requirements.txt").write_text("torch==1.0\n")

    def run(versions, status=0, **environment):
        for name, version in versions.items():
            file = tmp_path / "bin" / name
            file.write_text(PYTHON.format(version=version, status=status))
            file.chmod(0o755)
        path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
        return subprocess.run(
            ["sh", str(tmp_path / "scripts" / "setup")],
            env={**environment, "PATH": path, "HOME": os.environ.get("HOME", "/")},
            capture_output=True,
            text=True,
        )

    run.folder = tmp_path
    return run


@pytest.mark.parametrize(
    ("versions", "environment", "chosen"),
    [
        ({"python3.12": 312, "python3.11": 311}, {}, "311"),
        ({"python3.13": 313, "python3.11": 310}, {}, "313"),
        ({"python3.11": 311, "mine": 312}, {"PYTHON": "mine"}, "312"),
    ],
)
def test_the_first_that_will_do(setup, versions, environment, chosen):
    done = setup(versions, **environment)
    assert done.returncode == 0, done.stderr
    assert (setup.folder / ".venv" / "version").read_text().strip() == chosen
    assert "torch==1.0" in done.stderr
    assert "noise" not in done.stderr
    again = setup({})
    assert (again.returncode, again.stderr) == (0, "")


def test_none_is_named(setup):
    done = setup({"old": 310}, PYTHON="old")
    assert done.returncode == 1
    assert "failed: no Python 3.11, 3.12 or 3.13 among old" in done.stderr
    assert not (setup.folder / ".venv").exists()


def test_a_failed_install_fails_and_is_tried_again(setup):
    done = setup({"python3.11": 311}, status=1)
    assert done.returncode != 0
    assert "ERROR: no match" in done.stderr
    assert "torch==1.0" in setup({"python3.11": 311}, status=1).stderr
