"""A copy of this project with an environment of its own, into which advice may install what it wants."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from scripts.paths import CACHE, ROOT

PARTS = ("handler", "scripts", "client", "config", "requirements.txt")
LENT = ("kernels", "zig")
"""Folders of the cache that any copy may use."""
MINUTES = 15
"""For one command."""


@dataclass(frozen=True, slots=True)
class Project:
    """Where commands of the advice run.

    Attributes:
        root: of the copy.
    """

    root: Path

    @property
    def archive(self) -> Path:
        """What `pack` makes without further options."""
        return self.root / "model_store" / "bert.mar"

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command as it was printed."""
        return subprocess.run(
            command, shell=True, cwd=self.root, capture_output=True, text=True, timeout=60 * MINUTES, errors="replace"
        )

    def done(self, command: str) -> str:
        """`run`; what it prints.

        Raises:
            AssertionError: it failed.
        """
        result = self.run(command)
        assert not result.returncode, f"{command}\n{result.stderr[-3000:]}"
        return result.stdout

    def advice(self, folder: Path) -> tuple[str, str]:
        """What `pack` says of a folder, and what it says is to be done; empty where it takes the folder."""
        self.archive.unlink(missing_ok=True)
        result = self.run(f"scripts/bert pack {quoted(folder)}")
        found = re.search(r"^failed: (.*?)^to fix: (.*)", result.stderr, re.MULTILINE | re.DOTALL)
        assert found or not result.returncode, f"it does not say what to do: {result.stderr[-3000:]}"
        return (found[1].strip(), found[2].strip()) if found else ("", "")


def quoted(path: Path) -> str:
    """A path as a word of the shell."""
    return "'" + str(path).replace("'", "'\"'\"'") + "'"


def copy(root: Path) -> Project:
    """This project at another place; its packages are those of the environment that runs."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / part)
    (root / ".cache").mkdir()
    for name in LENT:
        if (CACHE / name).exists():
            (root / ".cache" / name).symlink_to((CACHE / name).resolve())
    environment = root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    paths = sysconfig.get_paths(vars={"base": str(environment), "platbase": str(environment)})
    Path(paths["purelib"], "project.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    (environment / ".made").touch()
    shutil.copy(ROOT / "requirements.txt", environment / ".installed-requirements.txt")
    return Project(root)
