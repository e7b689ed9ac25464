"""What of the user's environment reaches a server, where its temporary files go, and limits of a shell."""

import os
import resource
import subprocess
from pathlib import Path

import msgspec
import pytest

from scripts.console import Failure
from scripts.paths import ROOT
from scripts.server import environment, java, launch, limits, temporary
from scripts.server.preflight import Options
from tests.hostile import environments
from tests.hostile.cases import CASES

GIVEN = {
    "PATH": "/bin",
    "HOME": "/proc",
    "PYTHONHOME": "/x",
    "PYTHONWARNINGS": "error",
    "TS_CONFIG_FILE": "/x",
    "TORCHSERVE_X": "1",
    "JAVA_HOME": "/x",
    "_JAVA_OPTIONS": "-x",
    "LC_ALL": "C",
    "OMP_NUM_THREADS": "1000",
    "TMPDIR": "/long",
    "TMP": "/long",
    "LOG_LOCATION": "/x",
    "CUDA_VISIBLE_DEVICES": "0",
    "MINE": "1",
}


def test_what_a_server_gets(tmp_path):
    made = {"JAVA_HOME": "/java", "LOG_LOCATION": "/logs", "CUDA_VISIBLE_DEVICES": ""}
    spoken = environment.utf8_locale()
    assert environment.child(GIVEN, made, tmp_path) == {
        "PATH": "/bin",
        "MINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "ORT_DISABLE_TELEMETRY": "1",
        "MALLOC_MMAP_THRESHOLD_": "4194304",
        "MALLOC_TRIM_THRESHOLD_": "8388608",
        "TMPDIR": str(tmp_path),
        "TEMP": str(tmp_path),
        "HOME": str(tmp_path),
        "PYTHONUTF8": "1",
        **made,
        **({"LC_ALL": spoken} if spoken else {}),
    }


def test_what_the_user_may_choose_stays(tmp_path):
    given = {"HOME": str(tmp_path), "OMP_WAIT_POLICY": "ACTIVE", "LD_LIBRARY_PATH": "/x", "ORT_DISABLE_TELEMETRY": "0"}
    found = environment.child(given | {"PYTHON": "python3.12"}, {}, tmp_path / "other")
    assert {name: found[name] for name in given} == given


def test_workers_get_nothing_that_is_for_java_alone():
    first, second = environment.JAVA_ONLY
    assert environment.java_only({}, "") == f"{first}|{second}"
    assert environment.java_only({}, "SECRET.*") == f"SECRET.*|{first}|{second}"
    assert environment.java_only({first: "1"}, "") == second  # the operator means workers, too
    assert environment.java_only({first: "1", second: "1"}, "") == ""


def test_everything_has_its_reason():
    assert all(environment.REMOVED.values())
    assert all(environment.SET.values())


@pytest.mark.parametrize("home", [None, "", "/nonexistent", "/proc"])
def test_a_home_that_takes_no_files(home):
    assert not environment.writable(home)


def test_looking_for_a_locale_changes_none():
    import locale

    before = locale.setlocale(locale.LC_CTYPE)
    environment.utf8_locale()
    assert locale.setlocale(locale.LC_CTYPE) == before


def test_names_that_java_cannot_read_are_refused(monkeypatch):
    environment.check_names({"--model-store": Path("/größer als da")})
    with pytest.raises(Failure, match="is not UTF-8"):
        environment.check_names({"--model-store": Path(os.fsdecode(b"/gr\xf6\xdfer"))})
    monkeypatch.setattr(environment, "utf8_locale", str)
    environment.check_names({"--model-store": Path("/plain")})
    with pytest.raises(Failure, match="no locale with UTF-8") as caught:
        environment.check_names({"--model-store": Path("/größer")})
    assert "locales" in caught.value.fix


def test_properties_are_ascii(tmp_path, monkeypatch):
    assert environment.escaped("a=ü\n€ 𝄞") == "a=\\u00fc\n\\u20ac \\ud834\\udd1e"
    assert environment.value(Path("/a b/c\\d")) == "/a b/c\\\\d"
    (tmp_path / "bërt").mkdir()
    (tmp_path / "bërt" / "config.properties").write_text("# für alle\na=1\n", "utf-8")
    monkeypatch.setattr(launch, "CONFIG", tmp_path / "bërt")
    text = launch.properties(Options(tmp_path), 0, tmp_path)
    assert text.isascii()
    assert "b\\u00ebrt/metrics.yaml" in text


def test_a_temporary_folder_that_is_too_long_is_left_for_a_shorter_one(tmp_path, monkeypatch, capsys):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(temporary.tempfile, "gettempdir", lambda: str(long))
    made = temporary.make()
    made.rmdir()
    assert made.parent != long
    assert "bytes long, and" in capsys.readouterr().err
    assert len(os.fsencode(made / ".ts.sock.65535")) <= temporary.LONGEST_SOCKET


def test_the_longest_path_that_fits(monkeypatch):
    monkeypatch.setattr(temporary.os, "access", lambda *_: True)
    monkeypatch.setattr(temporary.os, "statvfs", lambda _: os.statvfs_result([0] * 10 + [255]))
    most = temporary.LONGEST_SOCKET - temporary.BELOW
    assert temporary.unsuitable("/" + "x" * (most - 1)) == ""
    assert f"{temporary.LONGEST_SOCKET + 1} bytes" in temporary.unsuitable("/" + "x" * most)
    assert temporary.unsuitable("/für a b") == ""
    assert "parts of an address" in temporary.unsuitable("/a%20b")
    monkeypatch.setattr(temporary.environment, "utf8_locale", str)
    assert "no locale with UTF-8" in temporary.unsuitable("/für")


def test_what_else_is_wrong_with_a_place(tmp_path, monkeypatch):
    monkeypatch.setattr(temporary.os, "access", lambda *_: False)
    assert "cannot be written" in temporary.unsuitable("/tmp")
    monkeypatch.undo()
    noexec = os.statvfs_result([0] * 8 + [os.ST_NOEXEC, 255, 0])
    monkeypatch.setattr(temporary.os, "statvfs", lambda _: noexec)
    assert "noexec" in temporary.unsuitable("/tmp")
    with pytest.raises(Failure, match="no folder for temporary files") as caught:
        temporary.make()
    assert "noexec" in caught.value.why


@pytest.mark.parametrize(
    ("soft", "hard", "becomes"),
    [(1024, 4096, 4096), (64, resource.RLIM_INFINITY, 65536), (1024, 1 << 20, 65536), (1 << 20, 1 << 20, None)],
)
def test_open_files(monkeypatch, soft, hard, becomes):
    chosen = []
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(limits.resource, "setrlimit", lambda _, pair: chosen.append(pair[0]))
    limits.raise_open_files()
    assert chosen == ([becomes] if becomes else [])


def test_too_few_open_files_are_refused(monkeypatch):
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (64, 128))
    with pytest.raises(Failure, match="128 open files are allowed, and a server needs 256"):
        limits.raise_open_files()


@pytest.mark.parametrize(
    ("given", "becomes"), [(0o000, 0o002), (0o022, 0o022), (0o077, 0o077), (0o777, 0o077), (0o002, 0o002)]
)
def test_umask(given, becomes):
    before = os.umask(given)
    try:
        limits.keep_to_ourselves()
        assert os.umask(before) == becomes
    finally:
        os.umask(before)


def test_the_command_runs_whatever_is_said_to_python(tmp_path):
    (tmp_path / "json.py").write_text("raise ImportError\n")
    hostile = {"PYTHONHOME": "/nonexistent", "PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "error", "LC_ALL": "C"}
    result = subprocess.run(
        [ROOT / "scripts" / "bert", "--version"],
        env={"PATH": os.environ["PATH"], "PYTHONOPTIMIZE": "2", **hostile},
        cwd="/proc",
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_hostile_cases_have_names_and_steps(tmp_path):
    assert len({case.name for case in CASES}) == len(CASES) >= 20
    refused = next(case for case in CASES if case.refused)
    assert environments.verdict(refused, "start", 1, f"failed: 128 {refused.refused}") == "refused"
    assert environments.verdict(refused, "start", 0, "") == "NOT REFUSED: 0"
    assert environments.verdict(CASES[0], "start", 1, "x\nfailed: no\nto fix: y") == "FAILED: failed: no"
    assert environments.environment(CASES[0], tmp_path)["BERT_RUNS"] == str(tmp_path / "runs")


def test_a_java_that_ends_at_once_is_no_traceback_of_ours(tmp_path, monkeypatch):
    server = launch.describe(Options(tmp_path), ["bert"], tmp_path, None)
    server = msgspec.structs.replace(server, folder=str(tmp_path))
    server.logs.mkdir()
    (server.logs / "console.log").write_text("Too small maximum heap\n")
    monkeypatch.setattr(java.subprocess, "run", lambda *_, **__: java.pid_file(tmp_path).write_text(str(2**22 + 1)))
    with pytest.raises(Failure, match="did not start") as caught:
        java.start(server, {})
    assert caught.value.why == "Too small maximum heap\n"
