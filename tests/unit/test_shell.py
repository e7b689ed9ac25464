"""`bert --version`, its completion, and being called from elsewhere."""

import os
import shutil
import signal
import subprocess
import sys
import tomllib

import pytest

from scripts.paths import ROOT
from scripts.verbs import completion, version

BERT = ROOT / "scripts" / "bert"


def run(command, **environment):
    result = subprocess.run(command, cwd="/", env=os.environ | environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_version_is_that_of_pyproject(monkeypatch):
    lines = run([BERT, "--version"]).splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert lines[0] == f"{project['name']} {project['version']}"
    assert [line.split()[0] for line in lines[1:]] == ["Python", "torch", "transformers", "torchserve"]
    monkeypatch.setattr(version, "PACKAGES", ["none-such"])
    assert version.lines()[-1] == "none-such is not installed"


def test_a_link_on_the_path_works_from_anywhere(tmp_path):
    (tmp_path / "bert").symlink_to(BERT)
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert "completion" in run(["sh", "-c", "bert --help"], PATH=path)


@pytest.mark.parametrize("command", ["scripts/bert", "bert", "/elsewhere/bert"])
def test_bash_completes(tmp_path, command):
    (tmp_path / "mine.mar").touch()

    def tab(*words):
        line = f"COMP_WORDS=({command} {' '.join(words)}); COMP_CWORD={len(words)}; _bert_complete {command}"
        shell = f'{completion.script("bash")}\n{line}; echo "${{COMPREPLY[@]}}"'
        return run(["bash", "-c", shell], BERT_MODEL_STORE=str(tmp_path), BERT_RUNS=str(tmp_path)).split()

    assert tab("sta") == ["start", "status"]
    assert tab("start", "--inf") == ["--inference-port"]
    assert tab("predict", "m") == ["mine"]


@pytest.mark.parametrize("shell", sorted(completion.SCRIPTS))
def test_scripts_are_written_in_their_shell(shell):
    script = run([BERT, "completion", shell])
    assert str(BERT) in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_tab_installs_nothing(tmp_path):
    (tmp_path / "scripts").mkdir()
    shutil.copy(BERT, tmp_path / "scripts")
    (tmp_path / "scripts" / "setup").write_text("#!/bin/sh\necho installed\n")
    (tmp_path / "scripts" / "setup").chmod(0o755)
    command = [tmp_path / "scripts" / "bert"]
    asked = subprocess.run(command, env=os.environ | {completion.ASK: "complete_bash"}, capture_output=True, text=True)
    assert "installed" not in asked.stdout
    assert "installed" in subprocess.run(command, capture_output=True, text=True).stdout


@pytest.mark.parametrize(("kept", "status"), [(signal.SIG_DFL, -signal.SIGINT), (signal.SIG_IGN, 2)])
def test_an_interrupted_start_of_the_command_is_no_traceback(tmp_path, kept, status):
    """One that is kept from Ctrl-C, as a shell's in the background, goes on to the verb, which there is not."""
    (tmp_path / "typer.py").write_text(
        f"import os, signal, sys; os.kill(os.getpid(), signal.SIGINT); sys.path.remove({str(tmp_path)!r})\n"
        "del sys.modules['typer']; import typer as found; sys.modules['typer'] = found"
    )
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "scripts", "nothing"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, kept),
    )
    assert ran.returncode == status, ran.stderr
    assert "Traceback" not in ran.stderr
