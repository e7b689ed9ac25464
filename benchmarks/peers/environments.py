"""Virtual environments of others' packages, each of its own pinned requirements and never this project's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.console import step
from scripts.paths import ROOT

CACHE = ROOT / ".cache" / "peers"


def python(folder: Path) -> Path:
    """The Python with what the `requirements.txt` of a folder names, installed where it is missing or was changed."""
    made, wanted = CACHE / folder.name, (folder / "requirements.txt").read_text()
    done = made / ".installed"
    if not done.exists() or done.read_text() != wanted:
        with step(f"installing {folder.name}"):
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(made)], check=True)
            install = [str(made / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r"]
            subprocess.run([*install, str(folder / "requirements.txt")], check=True)
        done.write_text(wanted)
    return made / "bin" / "python"
