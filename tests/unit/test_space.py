"""A full disk is named, with what it has, whatever library ran out of it."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from scripts.bulk import engines
from scripts.console import Failure
from scripts.files import space
from scripts.server import draining, own_store

FULL_FILE = Path("/dev/full")
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


WORDS = (FULL, OSError("786432 requested and 774112 written"), Failure("a.whl", why=str(FULL)))


@pytest.mark.parametrize("error", WORDS)
def test_a_full_disk_is_named(tmp_path, error):
    gone = tmp_path / "gone"
    with pytest.raises(Failure, match=f"No space left on device: {gone} has") as caught, space.explained("room", gone):
        raise error
    assert caught.value.fix == "room"


def test_the_folder_that_is_known_is_named(tmp_path):
    with (
        pytest.raises(Failure, match=f"No space left on device: {tmp_path}/inner has") as caught,
        space.explained("outer", tmp_path / "outer"),
        space.explained("inner", tmp_path / "inner"),
    ):
        raise FULL
    assert caught.value.fix == "inner"


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), Failure("no")])
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)) as caught, space.explained("make room", tmp_path):
        raise error
    assert caught.value is error


@pytest.mark.skipif(not FULL_FILE.exists(), reason="there is no disk that is always full here")
def test_numpy_says_it_in_its_own_words(tmp_path):
    refused = pytest.raises(Failure, match="No space left on device")
    with FULL_FILE.open("wb", buffering=0) as file, refused, space.explained("room", tmp_path):
        np.save(file, np.zeros(1 << 16))


def test_the_cache_of_archives_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("handler.open_archive", lambda *_: (_ for _ in ()).throw(FULL))
    with pytest.raises(Failure, match=f"{tmp_path}/cache has"), engines.opened(tmp_path / "bert.mar", 1, "cpu"):
        pass


def test_the_folder_of_the_server_is_named_and_not_the_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(own_store, "version", lambda archive: "1.0")
    monkeypatch.setattr(own_store.shutil, "copyfile", lambda *_: (_ for _ in ()).throw(FULL))
    with pytest.raises(Failure, match=f"No space left on device: {tmp_path}/runs has"):
        own_store.add(tmp_path / "runs", "bert", tmp_path / "bert.mar")


@pytest.mark.skipif(not FULL_FILE.exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_keeps_nobody_from_stopping():
    with FULL_FILE.open("wb", buffering=0) as note:
        draining.refuse(note)
