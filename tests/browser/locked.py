"""The page where a key is wanted: by a server with `--keys` or `--auth`, and by a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from scripts.server import keys
from tests.browser.chromium import Visit
from tests.e2e.conftest import Cli, free_port

KEPT = "[document.cookie, localStorage.length, sessionStorage.length]"


@contextmanager
def guarding(server: Cli, here: Path) -> Iterator[dict[str, tuple[str, str]]]:
    """Address and key of a page by who wants the key: other servers, and a gateway in front of this one."""
    with started(server, here / "made", "--auth") as made, ExitStack() as stack:
        file = Path(made.status()[0]["keys"])
        given = stack.enter_context(started(server, here / "given", "--keys", str(file)))
        door = server.port + 6
        stack.callback(server, "gateway", "stop", "--port", str(door))
        server("gateway", "--port", str(door), "--metrics-port", str(door + 1), "--keys", str(file))
        addresses = {
            "a server with --auth": f"{made.url}/predictions/bert/1.0/ui",
            "a server with keys": f"{given.url}/predictions/bert/1.0/ui",
            "a gateway with keys": f"http://127.0.0.1:{door}/bert/ui",
        }
        yield {what: (address, keys.first(file)) for what, address in addresses.items()}


@contextmanager
def started(beside: Cli, here: Path, *options: str) -> Iterator[Cli]:
    """Another server of the same archive."""
    server = Cli(here, beside.store, free_port())
    server("start", "bert", *options)
    try:
        yield server
    finally:
        server("stop")


def locked(browser: Browser, what: str, address: str, key: str) -> Iterator[str]:
    """The page comes without a key, asks for one, and has it until it is loaded anew.

    Raises:
        AssertionError: it asks for none, takes a wrong one, or keeps it anywhere but in its memory.
    """
    with Visit(browser, address) as visit:
        page = visit.page
        page.goto(f"{address}#tokenize")
        give(page, "requires an API key", "x" * len(key))
        give(page, "unknown or revoked", key)
        page.locator("nav").wait_for()
        visit.example()
        assert page.locator(".tokens li").count() > 0
        assert key not in page.url + page.content()
        assert page.evaluate(KEPT) == ["", 0, 0]
        page.reload()
        page.get_by_label("API key").wait_for()
        assert (visit.elsewhere, visit.complaints) == ([], [])
    yield f"{what}: asked for one, refused a wrong one in its own words, went on with the right one, kept it nowhere"


def give(page: Page, said: str, key: str) -> None:
    """A key, once the page asks for one with these words."""
    page.get_by_role("alert").get_by_text(said).wait_for()
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use it").click()
