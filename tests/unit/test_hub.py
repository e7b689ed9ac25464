"""Hub ids against a server that speaks the hub's API: `/api/models/ID/revision/REV`, `/ID/resolve/COMMIT/FILE`."""

import hashlib
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.files import provenance
from scripts.paths import ROOT
from scripts.sources.pull import wanted_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights" * 99,
    "pytorch_model.bin": b"a pickle",
    "1_Pooling/config.json": b'{"pooling_mode": "mean"}',
    "tf_model.h5": b"not wanted",
    "README.md": b"not wanted",
}


class Hub(BaseHTTPRequestHandler):
    """One repository with one tag."""

    asked: list[str]

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        type(self).asked.append(self.path)
        if self.path.partition("?")[0] == "/api/models/some/model/revision/v2":
            files = [{"rfilename": name} for name in FILES]
            content = json.dumps({"id": "some/model", "sha": COMMIT, "siblings": files}).encode()
            self.reply(200, content, {"content-type": "application/json"})
        elif self.path.startswith(f"/api/models/some/model/tree/{COMMIT}"):
            files = [
                {"type": "file", "path": name, "size": len(data), "oid": digest(data)} for name, data in FILES.items()
            ]
            self.reply(200, json.dumps(files).encode(), {"content-type": "application/json"})
        elif self.path.startswith(f"/api/models/some/model/revision/{COMMIT}"):
            files = [{"rfilename": name} for name in FILES]
            content = json.dumps({"id": "some/model", "sha": COMMIT, "siblings": files}).encode()
            self.reply(200, content, {"content-type": "application/json"})
        elif (name := self.path.removeprefix(f"/some/model/resolve/{COMMIT}/")) in FILES:
            self.reply(200, FILES[name], {"etag": f'"{digest(FILES[name])}"', "x-repo-commit": COMMIT})
        else:
            self.reply(404, b"{}", {"x-error-code": "RevisionNotFound"})

    def reply(self, status, content, headers):
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def digest(data):
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def hub(tmp_path):
    """Runs `pull` with the environment that leads to the server; a subprocess, since the library reads it once."""
    Hub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
    }
    own |= {"HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def pull(*words):
        command = [ROOT / "scripts" / "bert", "pull", *words]
        return subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, timeout=120)

    yield pull
    server.shutdown()
    server.server_close()


def test_a_revision_is_pinned_to_its_commit(hub, tmp_path):
    result = hub("some/model", "--revision", "v2", "--out", str(tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    found = provenance.read(tmp_path / "out")
    assert (found.source, found.revision) == ("some/model", COMMIT)
    assert found.files["model.safetensors"] == hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    names = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert names == ["1_Pooling/config.json", "config.json", "model.safetensors", "origin.json"]
    assert not [path for path in Hub.asked if "/resolve/" in path and COMMIT not in path]


def test_a_revision_that_is_not_there(hub, tmp_path):
    result = hub("some/model", "--revision", "v3", "--out", str(tmp_path / "out"))
    assert result.returncode == 1
    assert "some/model could not be fetched from the Hugging Face hub" in result.stderr
    assert "RevisionNotFound" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["config.json", "pytorch_model.bin", "vocab.txt"], ["config.json", "pytorch_model.bin", "vocab.txt"]),
        (
            ["model.safetensors", "pytorch_model.bin", "2_Dense/pytorch_model.bin"],
            ["model.safetensors", "2_Dense/pytorch_model.bin"],
        ),
        (
            ["pytorch_model.bin", "colbert_linear.pt", "sparse_linear.pt", "optimizer.pt", "artifact.metadata"],
            ["pytorch_model.bin", "colbert_linear.pt", "sparse_linear.pt", "artifact.metadata"],
        ),
        (["flax_model.msgpack", "onnx/model.onnx", "merges.txt"], ["merges.txt"]),
    ],
)
def test_weights_are_fetched_in_one_form(names, wanted):
    assert wanted_files(names) == wanted
