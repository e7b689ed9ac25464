"""TorchServe's own token, `--auth`: the page and its documentation open without one, and nothing else does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests

from handler.protocols import swagger
from tests.e2e.conftest import Cli, free_port

AT = "/predictions/tiny/1.0"
TEXT = {"inputs": "hello"}


@pytest.fixture(scope="module")
def guarded(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cli, str]]:
    """A server that wants a token, and the token."""
    cli = Cli(tmp_path_factory.mktemp("guarded"), store, free_port())
    shown = cli("start", "tiny", "--auth").stdout
    assert f"tiny in a browser: {cli.url}{AT}/ui" in shown
    (report,) = cli.status()
    yield cli, json.loads(Path(report["keys"]).read_text())["inference"]["key"]
    cli("stop")


def test_what_a_browser_opens_needs_no_token(guarded):
    cli, _ = guarded
    for path in ("ui", *swagger.PATHS):
        assert requests.get(f"{cli.url}{AT}/{path}", timeout=60).status_code == 200, path
    posted = requests.post(f"{cli.url}{AT}/ui", json=TEXT, timeout=60)
    assert posted.headers["content-type"].startswith("text/html")  # the page, whatever is sent to it


@pytest.mark.parametrize(
    "path",
    [
        "/predictions/tiny",
        AT,
        *(f"{AT}/{name}" for name in ("info", "openapi.json", "embedding", "ui/x", "docs/", "docs/a/b", "ui?a", "uix")),
        f"{AT}/info/ui",
        f"{AT}%2Finfo/ui",
        f"{AT}%2Finfo%2F/ui",
        f"{AT}/info%2F..%2Fui",
        "/predictions/tiny/ui",
        "/predictions/ui",
        "/explanations/tiny/1.0/ui",
        "/models/tiny/ui",
        "/ui",
        "//predictions/tiny/1.0/ui",
        "/predictions/tiny/1.0/ui%0a",
        "/ping",
    ],
)
def test_nothing_else_is_answered_without_one(guarded, path):
    cli, _ = guarded
    for method, body in (("GET", None), ("POST", json.dumps(TEXT))):
        with closing(HTTPConnection("127.0.0.1", cli.port, timeout=60)) as raw:  # `requests` would write another path
            raw.request(method, path, body)
            answer = raw.getresponse().read()
        assert b"InvalidKeyException" in answer, (method, answer)


def test_the_page_asks_for_it_and_goes_on(guarded):
    pytest.importorskip("playwright", reason="Playwright is an extra: scripts/setup browser")
    if not shutil.which("chromium"):
        pytest.skip("no browser: apt-get install chromium")
    from tests.browser.chromium import chromium
    from tests.browser.locked import locked

    cli, key = guarded
    with chromium() as browser:
        assert list(locked(browser, "a server", f"{cli.url}{AT}/ui", key, ("Token Authorization failed",) * 2))
