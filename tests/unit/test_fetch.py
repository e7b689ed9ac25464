"""An archive on its way into a pod."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.console import Failure
from scripts.deploy import fetch


def test_an_archive_arrives_whole_or_not_at_all(tmp_path):
    (tmp_path / "a.mar").write_bytes(b"weights" * 1000)
    digest = hashlib.sha256(b"weights" * 1000).hexdigest()
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    target = tmp_path / "b.mar"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=tmp_path)) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{listener.server_address[1]}"
        for url, wanted, words in ((f"{base}/a.mar", "0" * 64, digest), (f"{base}/none", digest, "cannot be fetched")):
            with pytest.raises(Failure, match=words):
                fetch.fetch(url, wanted, target)
            assert not list(tmp_path.glob("b.*"))
        fetch.fetch(f"{base}/a.mar", digest, target)
        listener.shutdown()
    assert target.read_bytes() == b"weights" * 1000
    with pytest.raises(Failure, match="Connection refused"):
        fetch.fetch(f"{base}/a.mar", digest, target)


def test_what_is_no_address_and_a_full_disk_are_told(tmp_path, monkeypatch):
    (tmp_path / "a.mar").write_bytes(b"weights")
    with pytest.raises(Failure, match=r"models\.example\.com/a\.mar cannot be fetched: unknown url type"):
        fetch.fetch("models.example.com/a.mar", "0", tmp_path / "b.mar")

    def full(_, target, __):
        target.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch.shutil, "copyfileobj", full)
    with pytest.raises(Failure, match="No space left on device"):
        fetch.fetch((tmp_path / "a.mar").as_uri(), "0", tmp_path / "b.mar")
    assert not list(tmp_path.glob("b.*"))
