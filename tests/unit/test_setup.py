"""Which Python `scripts/setup` takes, how it goes on after an interruption, and what it says when an install fails."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.paths import ROOT

PYTHON = """#!/bin/sh
# A Python of version {version}: it says which, makes environments, and as pip does what PIP_SAYS and PIP_FAILS tell it.
case "$*" in
    -c*) [ "{version}" != broken ] && echo {version} ;;
    --version) echo Python {version} ;;
    "-m venv"*) mkdir -p .venv/bin; rm -f .venv/.[!.]*; cp "$0" .venv/bin/python; echo made {version} >>journal ;;
    *"pip config list") echo "${{PIP_CONFIGURED:-}}" ;;
    *pip*)
        echo "pip $*" >>journal
        echo "Collecting torch==1.0 (from -r x)"
        echo "  Downloading torch-1.0-cp311.whl (526.6 MB)"
        echo "  noise"
        case "$*" in
            *${{PIP_FAILS:-nothing}}*) echo "${{PIP_SAYS:-ERROR: no match}}"; exit 1 ;;
        esac ;;
esac
"""
TOOLS = {
    "df": "#!/bin/sh\necho head\necho disk 9 9 ${FREE:-9}000000 9% /\n",
    "uname": "#!/bin/sh\necho ${SYSTEM:-Linux}\n",
}
CARD = pytest.mark.skipif(
    Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi", path="/bin") is not None, reason="a GPU is here"
)
CPU = "--index-url https://download.pytorch.org/whl/cpu torch==1.0"


@pytest.fixture
def setup(tmp_path):
    """Run a copy of the script with the given Pythons on the path, and tools that answer what the test wants."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    for name in ("setup", "torch-build"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    (tmp_path / "requirements.txt").write_text("# pins\ntorch==1.0\n")
    (tmp_path / "requirements-dev.txt").write_text("pytest==1.0\n")
    (tmp_path / "requirements-otel.txt").write_text("opentelemetry-sdk==1.0\n")

    def run(versions, *words, **environment):
        contents = TOOLS | {name: PYTHON.format(version=version) for name, version in versions.items()}
        for name, content in contents.items():
            (tmp_path / "bin" / name).write_text(content)
            (tmp_path / "bin" / name).chmod(0o755)
        path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
        return subprocess.run(
            ["sh", str(tmp_path / "scripts" / "setup"), *words],
            env={"PIP_CONFIGURED": "global.index-url='x'", **environment, "PATH": path, "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
        )

    run.folder = tmp_path
    run.journal = lambda: (tmp_path / "journal").read_text().splitlines()
    return run


OLD = {"python3.11": "3.11.2"}
FEW = dict.fromkeys(("python3.11", "python3.12", "python3.13", "python3"), "broken")
"""Whatever this machine has is behind these."""


@pytest.mark.parametrize(
    ("versions", "environment", "chosen"),
    [
        ({"python3.12": "3.12.1", "python3.11": "3.11.2"}, {}, "3.11.2"),
        (FEW | {"python3.13": "3.13.0", "python3.11": "3.10.9"}, {}, "3.13.0"),
        (FEW | {"python3": "3.12.4"}, {}, "3.12.4"),
        ({"python3.11": "3.11.2", "mine": "3.12.0"}, {"PYTHON": "mine"}, "3.12.0"),
    ],
)
def test_the_first_that_will_do(setup, versions, environment, chosen):
    done = setup(versions, **environment)
    assert done.returncode == 0, done.stderr
    assert setup.journal()[0] == f"made {chosen}"
    assert "  torch==1.0\n  downloading torch, 526.6 MB\n" in done.stderr
    assert "noise" not in done.stderr
    assert done.stdout == ""
    again = setup({})
    assert (again.returncode, again.stderr) == (0, "")


def test_none_is_named_with_what_was_found(setup):
    done = setup(FEW | {"python3": "3.10.9"})
    assert done.returncode == 1
    assert "failed: no Python 3.11, 3.12 or 3.13 among python3.11 (does not run; under pyenv" in done.stderr
    assert "python3 (3.10.9)\nto fix: install one" in done.stderr
    assert "none-such (not there)" in setup({}, PYTHON="none-such").stderr
    assert not (setup.folder / ".venv").exists()


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("ERROR: no match", "pip could not install the packages\nto fix: all of its words are in"),
        ("ERROR: [Errno 28] No space left on device", "the disk is full"),
        ("WARNING: Retrying (Retry(total=4))", "no index of packages could be reached\nto fix: look at the network"),
        ("ERROR: No matching distribution found for torch==1.0", "no wheel for this Python on this system (Linux)"),
    ],
)
def test_a_failed_install_says_why_and_is_tried_again(setup, says, words):
    done = setup(OLD, PIP_FAILS="requirements", PIP_SAYS=says)
    assert done.returncode == 1
    assert f"failed: {words}" in done.stderr.replace("a pinned package has ", "")
    assert setup({}).returncode == 0
    assert [line for line in setup.journal() if line.startswith("made")] == ["made 3.11.2"]


def test_little_room_is_said_beforehand(setup):
    done = setup(OLD, FREE="2")
    assert done.returncode == 1
    assert "failed: 2 GB are free in" in done.stderr
    assert not (setup.folder / ".venv").exists()


def test_an_environment_that_was_being_unpacked_is_made_again(setup):
    setup(OLD, PIP_FAILS="requirements", PIP_SAYS="Installing collected packages: torch")
    done = setup(OLD)
    assert (done.returncode, "interrupted while it unpacked" in done.stderr) == (0, True)
    assert [line for line in setup.journal() if line.startswith("made")] == ["made 3.11.2"] * 2
    assert setup({}).stderr == ""


def test_a_second_install_waits_for_the_first(setup):
    turn = setup.folder / ".venv.turn"
    turn.mkdir()
    with subprocess.Popen(["sleep", "2"]) as first, ThreadPoolExecutor() as pool:
        (turn / "process").write_text(str(first.pid))
        waiting = pool.submit(setup, OLD)
        first.wait()
        assert "another install is under way" in waiting.result().stderr
    assert [line for line in setup.journal() if line.startswith("made")] == ["made 3.11.2"]
    assert not turn.exists()


def test_what_a_link_leads_to_is_not_emptied(setup):
    other = setup.folder / "other"
    other.mkdir()
    (other / "kept").touch()
    (setup.folder / ".venv").symlink_to(other)
    assert "is a link to" in setup(OLD).stderr
    assert (other / "kept").exists()


def test_a_python_that_is_gone_is_replaced(setup):
    setup(OLD)
    (setup.folder / ".venv" / "bin" / "python").unlink()
    assert setup({"python3.11": "3.11.9"}).returncode == 0
    assert "made 3.11.9" in setup.journal()


def test_dev_and_otel_come_on_top(setup):
    setup(OLD)
    assert "installing requirements-dev.txt" in setup({}, "dev").stderr
    both = setup({}, "dev", "otel").stderr
    assert "installing requirements-otel.txt" in both
    assert "requirements-dev.txt" not in both
    assert setup({}, "otel").stderr == setup({}).stderr == ""


def test_the_cpu_build_comes_first_and_from_its_own_index(setup):
    done = setup(OLD, BERT_TORCH="cpu")
    assert (
        "torch: the CPU build, as BERT_TORCH=cpu asks\ninstalling into .venv: about 2 GB of disk, 0.5 GB to download;"
        in done.stderr
    )
    first, second = setup.journal()[1:]
    assert CPU in first
    assert second.endswith("-r requirements.txt")
    assert setup({}, BERT_TORCH="cpu").stderr == ""
    (setup.folder / "requirements.txt").write_text("torch==2.0\n")
    assert setup({}).returncode == 0  # a new pin keeps the build
    assert CPU.replace("1.0", "2.0") in setup.journal()[3]


@CARD
def test_an_index_that_cannot_be_reached_is_replaced_unless_it_was_asked_for(setup):
    asked = setup(OLD, PIP_FAILS="whl/cpu", PIP_SAYS="WARNING: Retrying", BERT_TORCH="cpu")
    assert (asked.returncode, "no index of packages could be reached" in asked.stderr) == (1, True)
    chosen = setup({}, PIP_FAILS="whl/cpu", PIP_CONFIGURED="")
    assert chosen.returncode == 0
    assert "PyTorch's index gave no CPU build; the one of pip's own index then" in chosen.stderr


def test_another_build_means_another_environment(setup):
    setup(OLD)
    assert setup({}, BERT_TORCH="cuda").stderr == ""  # pip's own index was taken
    done = setup(OLD, BERT_TORCH="cpu")
    assert "BERT_TORCH=cpu: .venv was made without it, and is made again" in done.stderr
    assert CPU in setup.journal()[-2]
    wrong = setup(OLD, BERT_TORCH="gpu")
    assert "failed: BERT_TORCH=gpu names no build of torch" in wrong.stderr
    assert (setup.folder / ".venv" / ".made").exists()


@pytest.fixture
def build(tmp_path):
    """What `scripts/torch-build` says on a machine with these tools, devices and settings of pip."""
    for name, content in (TOOLS | {"python": PYTHON.format(version="3.11.2")}).items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)

    def run(device="", tool="", **environment):
        (tmp_path / "dev").mkdir()
        if device:
            (tmp_path / "dev" / device).touch()
        if tool:
            shutil.copy(tmp_path / "python", tmp_path / tool)
        command = ["sh", str(ROOT / "scripts" / "torch-build"), str(tmp_path / "python"), str(tmp_path / "dev")]
        result = subprocess.run(
            command, env={**environment, "PATH": f"{tmp_path}:/bin"}, capture_output=True, text=True, check=True
        )
        return result.stdout.strip(), result.stderr

    return run


@CARD
@pytest.mark.parametrize(
    ("machine", "taken", "why"),
    [
        ({}, "cpu", "no NVIDIA GPU"),
        ({"device": "nvidiactl"}, "default", "there is an NVIDIA GPU"),
        ({"tool": "nvidia-smi"}, "default", "there is an NVIDIA GPU"),
        ({"SYSTEM": "Darwin"}, "default", "no CUDA on this system"),
        ({"PIP_CONFIGURED": "global.extra-index-url='https://x'"}, "default", "that pip is configured for"),
        ({"PIP_CONFIGURED": ":env:.find-links='/wheels'"}, "default", "that pip is configured for"),
        ({"PIP_CONFIGURED": "global.timeout='9'"}, "cpu", "no NVIDIA GPU"),
        ({"BERT_TORCH": "cuda"}, "default", "as BERT_TORCH=cuda asks"),
        ({"BERT_TORCH": "cpu", "device": "nvidiactl"}, "cpu", "as BERT_TORCH=cpu asks"),
    ],
)
def test_which_build(build, machine, taken, why):
    said, reason = build(**machine)
    assert (said, why in reason) == (taken, True)
