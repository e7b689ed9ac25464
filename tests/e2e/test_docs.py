"""Every shell and Python block of the documents, run in order as a reader would, on other ports and another store."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from scripts.paths import ROOT
from tests.e2e.conftest import Cli, free_port

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READING = {"text": None, "sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
"""Languages of blocks, and what runs them; `text` is for looking at."""
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))]


def blocks(page):
    return BLOCK.findall((ROOT / page).read_text())


@pytest.fixture(scope="module")
def copy(tmp_path_factory, minilm):
    """A clone in which the documents' relative paths may be written to; its environment, downloads and compiled kernels
    are shared.
    """
    clone = tmp_path_factory.mktemp("docs") / "clone"
    ignored = shutil.ignore_patterns(".git", ".venv", ".cache", ".run", "__pycache__", "*.mar", ".*_cache")
    shutil.copytree(ROOT, clone, ignore=ignored)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    (clone / ".cache").mkdir()
    for part in ("checkpoints", "kernels"):
        shutil.copytree(ROOT / ".cache" / part, clone / ".cache" / part, copy_function=shutil.copy)
    return clone


@pytest.fixture(scope="module")
def run(copy, tmp_path_factory):
    """Runs a block in the clone; a server that a page leaves is there for the next one."""
    cli = Cli(tmp_path_factory.mktemp("runs"), copy / "model_store", free_port())
    environment = {name: value for name, value in cli.environment().items() if name != "MAKEFLAGS"}
    environment["PYTHONPATH"] = str(copy / "client")  # for `pip install ./client`, which has a test of its own

    def moved(text):
        text = re.sub(r"\b808([0-2])\b", lambda match: str(cli.port + int(match.group(1))), text)
        text = text.replace("--epochs 5", "--epochs 1")  # that it learns is measured in test_finetune
        return re.sub(r"\b9080\b", str(cli.port + 10), text)

    def run(language, text):
        command = [*READING[language], moved(text)]
        result = subprocess.run(
            command, cwd=copy, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
        )
        assert result.returncode == 0, f"{text}\n{result.stdout}\n{result.stderr}"
        assert '"error"' not in result.stdout, f"{text}\n{result.stdout}"

    yield run
    for server in cli.status():
        cli("stop", "--drain", "0", "--inference-port", server["inference"].rpartition(":")[2])


@pytest.mark.parametrize("page", [page for page in PAGES if any(READING.get(kind) for kind, _ in blocks(page))])
def test_every_block_runs(run, page):
    run("sh", "scripts/bert up || { scripts/bert stop && scripts/bert up; }")  # which the index of the pages expects
    for language, text in blocks(page):
        if READING.get(language):
            run(language, text)


def test_every_block_says_what_it_is():
    everything = [*PAGES, "CONTRIBUTING.md", "SECURITY.md", *map(str, (ROOT / "docs").glob("*/*.md"))]
    for page in everything:
        for language, text in blocks(page):
            assert language in {*READING, "javascript", "json", "promql", "yaml"}, f"{page}: {language}\n{text}"
    assert len(PAGES) > 10
    assert os.access(ROOT / "scripts" / "bert", os.X_OK)
