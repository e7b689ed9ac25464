"""The page at `ui`: what is served, that it is built from `ui/`, and that browsers let nothing else in."""

import re
import subprocess
from base64 import b64encode
from hashlib import sha256

import pytest

from handler.keys import Keys
from handler.protocols import ui
from handler.tasks import TASKS
from handler.types import Row
from scripts.paths import ROOT
from tests import toolchain
from tests.toolchain import SOURCES


@pytest.fixture
def reply(make_pipeline, tmp_path):
    """To somebody who has no key, from a server that wants one."""
    pipeline = make_pipeline()
    pipeline.keys = Keys(str(tmp_path / "none"))
    (reply,) = pipeline.answer([Row({}, {}, "", "ui")])
    return reply


def directives(reply):
    policy = reply.headers["content-security-policy"]
    return dict(each.strip().split(" ", 1) for each in policy.split(";"))


def test_it_is_one_small_file_for_everybody(reply):
    assert (reply.status, reply.content_type) == (200, "text/html; charset=utf-8")
    assert len(reply.body) < 100_000
    text = reply.body.decode()
    assert re.findall(r"""\b(?:src|href)=["']?([^"' >]+)""", text) == ["data:,"]
    assert set(re.findall(r"https?://[\w./-]+", text)) <= {
        "http://www.w3.org/1998/Math/MathML",
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/2000/svg",
    }


def test_only_its_own_script_and_style_run(reply):
    text, allowed = reply.body.decode(), directives(reply)
    for element in ("script", "style"):
        (inline,) = re.findall(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
        assert allowed[f"{element}-src"] == f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"
    assert allowed["default-src"] == "'none'"
    assert allowed["connect-src"] == "'self'"
    assert allowed["frame-ancestors"] == "'none'"
    assert "unsafe" not in reply.headers["content-security-policy"]


@toolchain.needs_npm
def test_the_built_page_is_that_of_the_sources(tmp_path):
    toolchain.install()
    subprocess.run(["npm", "run", "check"], cwd=SOURCES, check=True, capture_output=True)
    subprocess.run(["node", "build.mjs", str(tmp_path / "page.html")], cwd=SOURCES, check=True, capture_output=True)
    assert (tmp_path / "page.html").read_bytes() == ui.content(), "in ui/: npm run build"


def test_the_lock_file_names_no_server():
    text = (SOURCES / "package-lock.json").read_text()
    assert "resolved" not in text
    assert '"integrity": "sha512-' in text


@pytest.mark.parametrize("file", sorted((SOURCES / "src").rglob("*.*")), ids=lambda file: file.name)
def test_sources_are_short_and_say_what_they_are(file):
    lines = file.read_text().splitlines()
    assert len(lines) <= 300
    assert file.suffix == ".html" or lines[0].startswith(("/** ", "/* "))


def test_each_task_has_a_picture_in_the_documents():
    folder = ROOT / "docs"
    shown = re.findall(r"\(images/page/([^)]+)\.webp\)", (folder / "page-pictures.md").read_text())
    assert shown == list(TASKS)
    assert sorted(shown) == sorted(file.stem for file in (folder / "images" / "page").iterdir())
