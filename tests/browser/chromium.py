"""Chromium, driven by Playwright, with a fresh profile; what a page asks for and complains of is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, sync_playwright

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)
WIDE: ViewportSize = {"width": 1280, "height": 720}
SMALL: ViewportSize = {"width": 390, "height": 844}
PHONE = {"viewport": SMALL, "has_touch": True}
DARK = {"color_scheme": "dark"}
REFUSED = "Failed to load resource"
"""What Chromium says of each answer that is an error."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the system."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*FLAGS])
        yield browser
        browser.close()


class Visit:
    """One archive's page, in a context of its own.

    Attributes:
        elsewhere: addresses of other origins that were asked.
        complaints: errors in the console, such as what the page's policy forbids, and those of scripts.
    """

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self.asked)
        self.page.on("console", self.said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def asked(self, request: Request) -> None:
        """Keep what goes elsewhere."""
        if urlsplit(request.url).scheme not in ("data", "about") and not request.url.startswith(self.origin):
            self.elsewhere.append(request.url)

    def said(self, message: ConsoleMessage) -> None:
        """Keep an error."""
        if message.type == "error" and not message.text.startswith(REFUSED):
            self.complaints.append(message.text)

    @property
    def origin(self) -> str:
        """Of the server."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/"

    def open(self, task: str, body: Any = None) -> Page:
        """A task, with a request that is asked at once if there is one."""
        self.page.goto(f"{self.url}/ui#{task}" + ("" if body is None else f"={quote(json.dumps(body))}"))
        self.page.locator("nav").wait_for()
        if body is not None:
            self.answered()
        return self.page

    def leave(self, size: ViewportSize = WIDE, scheme: Literal["dark", "light"] = "light") -> None:
        """Close the page, so that what is opened next is opened anew, on such a screen."""
        self.page.goto("about:blank")
        self.page.set_viewport_size(size)
        self.page.emulate_media(color_scheme=scheme)

    def example(self, name: str | None = None) -> Any:
        """Press an example, the first one without a name; the body that was sent, None for a task without one."""
        buttons = self.page.get_by_role("group", name="examples").get_by_role("button")
        if buttons.count():
            (buttons.get_by_text(name, exact=True) if name else buttons.first).click()
        self.answered()
        return self.body()

    def answered(self) -> None:
        """Wait for an answer or an error."""
        self.page.locator(".timing").wait_for()
        self.page.locator("main[aria-busy=false]").wait_for()

    def refused(self, task: str, body: Any) -> None:
        """Open a link to what the server refuses; the page shows its words.

        Raises:
            AssertionError: it shows something else, or the server does not refuse.
        """
        said = requests.post(f"{self.url}/{task}", json=body, timeout=60)
        assert said.status_code >= 400, f"{task} takes {body}"
        shown = self.open(task, body).get_by_role("alert").inner_text()
        assert shown == f"{said.status_code} {said.json()['error']}", shown

    def body(self) -> Any:
        """What the address bar says was sent."""
        _, _, text = urlsplit(self.page.url).fragment.partition("=")
        return json.loads(unquote(text)) if text else None

    def violations(self) -> list[str]:
        """What axe-core finds wrong for people who cannot see, or use no mouse."""
        found = Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]
