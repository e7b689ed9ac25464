"""What is changed of TorchServe's Java: a few known bytes of the class that is installed, or nothing."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from scripts.server import java_patches
from scripts.server.java_patches import PATCHES

CLASSES = {Path(patch.path) for patch in PATCHES}


def installed(patch):
    with ZipFile(java_patches.jar()) as classes:
        return classes.read(patch.path)


def bytes_of(digits):
    return bytes.fromhex(digits)


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: Path(patch.path).stem)
def test_the_installed_class_differs_in_the_intended_bytes_alone(patch):
    before, after = installed(patch), patch.apply(installed(patch))
    for change in patch.changes:
        assert before.count(bytes_of(change.before)) == 1
        at, left, right = after.index(bytes_of(change.after)), bytes_of(change.before), bytes_of(change.after)
        after = after[:at] + left + after[at + len(right) :]
    assert after == before


@pytest.mark.parametrize("change", [java_patches.LEAST_IS_NONE])
def test_the_sizes_of_a_changed_method_are_its_own(change):
    """attribute_length, max_stack, max_locals, code_length, code: section 4.7.3 of the specification."""
    before, after = bytes_of(change.before), bytes_of(change.after)
    for whole in (before, after):
        assert int.from_bytes(whole[8:12], "big") == len(whole) - 12
    lengths = [int.from_bytes(whole[:4], "big") for whole in (before, after)]
    assert lengths[1] - lengths[0] == len(after) - len(before)


def test_the_least_delay_is_none_and_others_are_as_they_were():
    def as_java(delay):  # of 32 bits, and a shift's distance of 5
        return delay & ((1 - delay) >> (-1 & 31))

    delays = [1, 2, 5, 100, 60_000, 2**31 - 1]
    assert [*map(as_java, delays)] == [*map(java_patches.delay_ms, delays)] == [0, *delays[1:]]


def test_it_is_written_where_java_looks_first(tmp_path):
    assert java_patches.install(tmp_path) == ""
    assert {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()} == CLASSES
    for patch in PATCHES:
        assert (tmp_path / patch.path).read_bytes() == patch.apply(installed(patch))


def test_another_class_is_left_alone_and_so_is_what_was_changed_before(tmp_path, monkeypatch):
    java_patches.install(tmp_path)
    other = tmp_path / "model-server.jar"
    with ZipFile(other, "w") as jar:
        jar.writestr(PATCHES[0].path, installed(PATCHES[0])[:-1])
    monkeypatch.setattr(java_patches, "jar", lambda: other)
    assert "Model.class has SHA-256" in java_patches.install(tmp_path)
    assert not (tmp_path / "org").exists()


@pytest.mark.parametrize("content", [None, b"", b"no jar"], ids=["missing", "empty", "other"])
def test_without_a_jar_the_launcher_has_the_word(content, tmp_path, monkeypatch):
    file = tmp_path / "model-server.jar"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setattr(java_patches, "jar", lambda: file)
    assert "runs unchanged" in java_patches.install(tmp_path)
