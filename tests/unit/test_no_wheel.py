"""`pip install .` of the clone ends at once and says what to do instead."""

import shutil
import subprocess
import sys

import pytest

from scripts.paths import ROOT

INSTALL = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--dry-run", "--no-deps")


@pytest.mark.parametrize("words", [["."], ["-e", "."], ["--no-build-isolation", "."]])
def test_pip_is_refused_with_what_helps(tmp_path, words):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "README.md", tmp_path)
    shutil.copytree(ROOT / "scripts" / "wheel", tmp_path / "scripts" / "wheel")
    result = subprocess.run([*INSTALL, *words], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1
    shown = result.stdout + result.stderr
    assert "failed: this project is run from its clone" in shown
    assert "make serve" in shown
    assert "pip install ./client" in shown
    assert "Traceback" not in shown
