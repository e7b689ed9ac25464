"""The README's shell and Python blocks, run in order as a reader would, on other ports and another store."""

import re
import shutil
import subprocess
import sys

import pytest

from scripts.paths import ROOT

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def copy(tmp_path):
    """A clone in which the README's relative paths may be written to; its environment and downloads are shared."""
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns(".git", ".venv", ".cache", ".run", "__pycache__", "*.mar", ".*_cache")
    shutil.copytree(ROOT, clone, ignore=ignored)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    (clone / ".cache").mkdir()
    shutil.copytree(ROOT / ".cache" / "checkpoints", clone / ".cache" / "checkpoints", copy_function=shutil.copy)
    return clone


def test_every_block_runs(cli, copy, minilm):
    environment = {
        name: value for name, value in cli.environment().items() if name not in ("BERT_MODEL_STORE", "MAKEFLAGS")
    }
    environment["PYTHONPATH"] = (
        "client"  # in place of `pip install ./client`, which would change the shared environment
    )
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    assert len(blocks) >= 6
    for language, text in blocks:
        moved = re.sub(r"\b808([0-2])\b", lambda match: str(cli.port + int(match.group(1))), text)
        command = ["bash", "-euo", "pipefail", "-c", moved] if language == "sh" else [sys.executable, "-c", moved]
        result = subprocess.run(
            command, cwd=copy, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
        )
        assert result.returncode == 0, f"{text}\n{result.stdout}\n{result.stderr}"
        assert '"error"' not in result.stdout, f"{text}\n{result.stdout}"
