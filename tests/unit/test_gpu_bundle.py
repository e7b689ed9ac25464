import io
import os
import random
import shutil
import subprocess
import sys
import zipfile

import pytest

from benchmarks.gpu import bundle, unpack, wheels
from benchmarks.gpu.wheels import Member
from scripts.console import Failure

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def zipped(files, kind=zipfile.ZIP_DEFLATED):
    """The bytes of a zip file; names that end in ! are executable."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", kind) as target:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name.rstrip("!"))
            entry.compress_type = kind
            entry.external_attr = (0o755 if name.endswith("!") else 0o644) << 16
            target.writestr(entry, content)
    return written.getvalue()


def contents(jar):
    with zipfile.ZipFile(io.BytesIO(jar)) as opened:
        return [(entry.filename, entry.compress_type, opened.read(entry)) for entry in opened.infolist()]


@pytest.fixture
def made(tmp_path):
    """A bundle of one package for the running Python, with a program, a jar and a kernel, and its `unpack.py`."""
    folder = tmp_path / "bundle"
    (folder / unpack.PACKAGES).mkdir(parents=True)
    wheel = tmp_path / "tool-1.0-py3-none-any.whl"
    wheel.write_bytes(
        zipped({"tool/__init__.py": "ANSWER = 42", "tool/bin/run!": "", "tool/x.jar": zipped({"a": "b"})})
    )
    wheels.write(folder / unpack.PACKAGES / "tool-1.0.tar.xz", wheels.members(wheel))
    wheels.write(folder / unpack.KERNELS, [Member("digest/kernels/avx2.so", b"code")])
    (folder / unpack.VERSION).write_text(RUNNING + "\n")
    shutil.copyfile(unpack.__file__, folder / "unpack.py")
    return folder


def test_a_jar_keeps_members_bytes_and_order():
    files = {"META-INF/": b"", "META-INF/MANIFEST.MF": b"Main-Class: A\n", "b/B.class": b"\xca\xfe" * 999, "a": b""}
    before, after = contents(zipped(files)), contents(wheels.stored(zipped(files)))
    assert [(name, content) for name, _, content in after] == [(name, content) for name, _, content in before]
    assert {kind for _, kind, _ in after} == {zipfile.ZIP_STORED}


def test_equal_files_make_equal_archives(tmp_path):
    one, two = tmp_path / "one.tar.xz", tmp_path / "two.tar.xz"
    for target in (one, two):
        wheels.write(target, [Member("a/b.py", b"x = 1"), Member("a/run", b"", True)])
    assert one.read_bytes() == two.read_bytes()
    assert sorted(tmp_path.iterdir()) == [one, two]


def test_an_archive_that_fails_is_not_there(tmp_path):
    wheel = tmp_path / "w.whl"
    wheel.write_bytes(zipped({"a.py": "", "w-1.data/scripts/w": ""}))
    with pytest.raises(Failure, match="does not belong into site-packages"):
        wheels.write(tmp_path / "w.tar.xz", wheels.members(wheel))
    assert not (tmp_path / "w.tar.xz").exists()


def test_what_is_carried_is_pinned():
    versions = bundle.pinned(bundle.ROOT / "requirements.txt")
    assert {*bundle.WHEELS, bundle.COMPILER} <= set(versions)
    assert all(version[0].isdigit() and " " not in version for version in versions.values())


def test_too_large_a_bundle_is_refused_with_its_numbers():
    sizes = {"java": 40 << 20, "torchserve": (20 << 20) - 1}
    assert "40.00 MiB  java" in bundle.check(sizes)
    with pytest.raises(Failure, match=r"61\.50 MiB, and 60 may travel") as failure:
        bundle.check({**sizes, "more": (3 << 19) + 1})
    assert "1.50 MiB  more" in failure.value.why


def test_what_was_left_behind_is_removed(tmp_path):
    kept, stale = tmp_path / "kept", tmp_path / "packages" / "old-1.0.tar.xz"
    stale.parent.mkdir()
    kept.touch()
    stale.touch()
    bundle.remove_others(tmp_path, [kept])
    assert kept.exists()
    assert not stale.exists()


def test_the_environment_runs_with_the_packages_of_both(made, tmp_path):
    """`unpack.py` alone, as on the host, and then a Python that has our packages and the host's."""
    folder, cache = tmp_path / "environment", tmp_path / "cache" / "kernels"
    command = [sys.executable, "-I", str(made / "unpack.py"), str(folder), "--kernels", str(cache)]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ": made, " in first.stdout
    assert ": already there, " in second.stdout
    script = "import sys, pytest, tool; print(tool.ANSWER, tool.__file__, pytest.__file__, *sys.path, sep='\\n')"
    ran = subprocess.run([str(folder / "bin/python"), "-I", "-c", script], capture_output=True, text=True, check=True)
    answer, ours, theirs, *path = ran.stdout.splitlines()
    assert answer == "42"
    assert folder.as_posix() in ours
    assert theirs == pytest.__file__
    assert set(unpack.sites()) <= set(path)
    assert (cache / "digest" / "kernels" / "avx2.so").read_bytes() == b"code"
    assert [entry.name for entry in cache.iterdir()] == ["digest"]


def test_programs_stay_executable_and_other_files_do_not(made, tmp_path):
    unpack.environment(made, tmp_path / "environment")
    (tool,) = (tmp_path / "environment").glob("lib/python*/site-packages/tool")
    assert os.access(tool / "bin" / "run", os.X_OK)
    assert not (tool / "__init__.py").stat().st_mode & 0o111
    assert contents((tool / "x.jar").read_bytes()) == [("a", zipfile.ZIP_STORED, b"b")]


def test_a_half_made_environment_is_made_again(made, tmp_path):
    folder = tmp_path / "environment"
    assert unpack.environment(made, folder)
    assert not unpack.environment(made, folder)
    (folder / unpack.MARKER).write_text("")  # as it is from the first to the last step
    (folder / "left over").touch()
    shutil.rmtree(folder / "bin")
    assert unpack.environment(made, folder)
    assert (folder / "bin" / "python").exists()
    assert not (folder / "left over").exists()


def test_a_failure_leaves_the_environment_unfinished(made, tmp_path):
    folder, broken = tmp_path / "environment", made / unpack.PACKAGES / "broken-1.0.tar.xz"
    broken.write_bytes(random.Random(0).randbytes(99))
    with pytest.raises(Exception, match="could not be opened"):
        unpack.environment(made, folder)
    assert (folder / unpack.MARKER).read_text() == ""
    broken.unlink()
    assert unpack.environment(made, folder)


def test_another_bundle_makes_the_environment_again(made, tmp_path):
    folder = tmp_path / "environment"
    unpack.environment(made, folder)
    wheels.write(made / unpack.PACKAGES / "tool-1.0.tar.xz", [Member("other.py", b"")])
    assert unpack.environment(made, folder)
    assert not list(folder.glob("lib/python*/site-packages/tool"))
    assert list(folder.glob("lib/python*/site-packages/other.py"))


def test_a_folder_of_somebody_else_is_left_alone(made, tmp_path):
    theirs = tmp_path / "theirs" / "pyvenv.cfg"
    theirs.parent.mkdir()
    theirs.touch()
    with pytest.raises(unpack.Refused, match="not of a bundle"):
        unpack.environment(made, theirs.parent)
    assert list(theirs.parent.iterdir()) == [theirs]


def test_another_python_is_refused(made, tmp_path):
    (made / unpack.VERSION).write_text("2.7")
    with pytest.raises(unpack.Refused, match=rf"for Python 2\.7, and .* is {RUNNING}"):
        unpack.environment(made, tmp_path / "environment")
    assert not (tmp_path / "environment").exists()


def test_kernels_that_are_there_stay(made, tmp_path):
    there = tmp_path / "digest" / "kernels"
    there.mkdir(parents=True)
    (there / "avx2.so").write_bytes(b"compiled here")
    unpack.kernels(made, tmp_path)
    assert (there / "avx2.so").read_bytes() == b"compiled here"
