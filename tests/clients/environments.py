"""An environment for each library below `.cache/clients`, kept while its pins are the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.paths import ROOT
from tests.clients.libraries import Library

CACHE = ROOT / ".cache" / "clients"


def command(library: Library) -> list[str]:
    """How its script is run, in an environment that has been made if there was none for these pins."""
    folder, pins = CACHE / library.name, "\n".join(library.pins)
    make, words = LANGUAGES[library.name.partition("/")[0]]
    done = folder / ".installed"
    if not done.exists() or done.read_text() != pins:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(library, folder)
        done.write_text(pins)
    return words(library, folder)


def make_python(library: Library, folder: Path) -> None:
    """A virtual environment without a pip of its own: ours installs into it, and Python compiles what is imported."""
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(folder / "bin" / "python"),
        "install",
        "--quiet",
        "--no-compile",
    ]
    run([*pip, *library.pins])


def python(library: Library, folder: Path) -> list[str]:
    """`-P` keeps the script's folder off the path, where `openai.py` would be taken for the library."""
    return [str(folder / "bin" / "python"), "-P", str(library.script)]


def make_javascript(library: Library, folder: Path) -> None:
    """`npm` installs beside a copy of the manifest, so that nothing is written into the project."""
    for name in ("package.json", "package-lock.json"):
        if (manifest := library.script.with_name(name)).exists():
            shutil.copy(manifest, folder)
    exact = (folder / "package-lock.json").exists()
    run(["npm", "ci" if exact else "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)])


def javascript(library: Library, folder: Path) -> list[str]:
    """Node looks for packages beside the script, so the script is copied beside them."""
    return ["node", str(shutil.copy(library.script, folder))]


def run(words: list[str]) -> None:
    """A command that has to succeed; what it says is shown if it does not."""
    result = subprocess.run(words, cwd=CACHE, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{' '.join(words)}\n{result.stdout}{result.stderr}")


Make = Callable[[Library, Path], None]
Words = Callable[[Library, Path], list[str]]
LANGUAGES: dict[str, tuple[Make, Words]] = {
    "python": (make_python, python),
    "javascript": (make_javascript, javascript),
}
"""How an environment is made, and how a script is run in it."""
