"""The page of Swagger UI: from the archive, for everyone who may look, and from no other server."""

import re
from pathlib import Path
from zipfile import ZipFile

import orjson
import pytest

from handler.keys import Keys
from handler.protocols import swagger as page
from handler.types import Row
from scripts.packing import existing, pack, swagger
from scripts.sources import checkpoint as checkpoints

CODE = {"swagger-ui.css": b"body{}", "swagger-ui-bundle.js": b"var a"}
CONTENT = {**CODE, "favicon-32x32.png": b"\x89PNG", "LICENSE": b"2"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """As much of swagger-ui-py as is read of it."""
    folder = tmp_path / "packages" / "swagger_ui"
    (folder / "static").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    for name, content in CONTENT.items():
        (folder / "static" / name).write_bytes(content)
    monkeypatch.syspath_prepend(str(folder.parent))


@pytest.fixture
def get(make_pipeline, package, tmp_path, monkeypatch):
    """Asks a pipeline whose archive has the files, and that wants a key."""
    swagger.write(tmp_path)
    monkeypatch.setattr(page, "SOURCE", tmp_path / page.FOLDER)
    pipeline = make_pipeline()
    pipeline.keys = Keys(str(tmp_path / "none"))
    return lambda path: pipeline.answer([Row({}, {}, "", path)])[0]


def test_the_page_loads_its_own_files_and_may_load_no_others(get):
    reply = get("docs")
    assert (reply.status, reply.content_type) == (200, "text/html; charset=utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', reply.body.decode())
    base = "/predictions/bert/1.0/"
    assert len(addresses) == len(page.FILES)
    for address in addresses:
        file = get(address.removeprefix(base))
        name = address.rpartition("/")[2]
        assert (file.status, file.content_type) == (200, page.FILES[name])
        assert file.headers["x-content-type-options"] == "nosniff"
        assert file.body == CONTENT.get(name, Path(page.SCRIPT).read_bytes())
    policy = dict(rule.split(" ", 1) for rule in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "://" not in reply.headers["content-security-policy"]
    assert not re.search(r"<script>|<style|\son\w+=", reply.body.decode())


def test_what_is_no_file_of_the_page_is_not_there(get):
    for path in ("docs/LICENSE", "docs/../checkpoint/config.json", "docs/swagger-ui.css/x", "docs/docs"):
        reply = get(path)
        assert reply.status in (401, 404)
        assert b"error" in reply.body
    assert get("openapi.json").status == 401


def test_an_archive_without_it_says_what_to_do(make_pipeline):
    (reply,) = make_pipeline().answer([Row({}, {}, "", "docs")])
    assert reply.status == 404
    assert "pack it again" in orjson.loads(reply.body)["error"]


def test_it_is_packed_where_it_is_installed_and_packed_again_when_it_came_later(tiny, tmp_path, request):
    mock = request.getfixturevalue("monkeypatch")
    mock.setattr(swagger, "find_spec", lambda name: None)

    def packed():
        return pack.pack(tiny, "bert", "1.0", {}, tmp_path / "store")[0]

    def current(archive):
        return existing.is_current(archive, tiny, pack.configure(checkpoints.read(tiny), {}), "1.0")

    before = packed()
    assert current(before)
    with ZipFile(before) as content:
        assert not [name for name in content.namelist() if name.startswith(page.FOLDER)]
    mock.undo()
    request.getfixturevalue("package")
    assert not current(before)
    after = packed()
    assert current(after)
    with ZipFile(after) as content:
        assert {name: content.read(f"{page.FOLDER}/{name}") for name in CONTENT} == CONTENT
