"""What is said of a folder that is no checkpoint yet, and its commands, which tests run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.console import Failure
from scripts.paths import ROOT
from scripts.sources import checkpoint as checkpoints


def refused(folder: Path) -> Failure:
    """What is said of a folder."""
    with pytest.raises(Failure) as caught:
        checkpoints.read(folder)
    return caught.value


def run(command: str) -> str:
    """A shell command of a message, with the Python that runs the tests; what it prints."""
    command = command.replace(".venv/bin/python", sys.executable)
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def packable(fix: str) -> Path:
    """Run all of a message's commands but the last, `scripts/bert pack FOLDER`; that folder."""
    first, _, last = fix.rpartition(", then ")
    if first:
        run(first)
    return Path(run(f"printf %s {last.removeprefix('scripts/bert pack ')}"))
