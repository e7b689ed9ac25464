"""Opens the page in Chromium, sends the example of some paths, and says as JSON what came back and who was asked."""

import json
import sys

from playwright.sync_api import sync_playwright

address, chromium = sys.argv[1:]
GROUPS = ("Native", "OpenAI", "Cohere", "TEI", "Infinity", "HuggingFace", "KServe")
PATHS = (
    *("/embedding", "/v1/embeddings", "/v2/rerank", "/tei/embed", "/hf/sentence-similarity"),
    "/v1/models/bert:predict",
)


def tried(page, path):
    """The status of an example that is sent."""
    operation = page.locator(".opblock", has=page.locator(f'[data-path="{path}"]'))
    operation.locator(".opblock-summary-control").click()
    operation.locator("button.execute").click()
    return operation.locator(".live-responses-table tbody .response-col_status").inner_text().split()[0]


def opened(browser, groups):
    """The page with these groups of paths unfolded, and lists of requests and errors that grow."""
    page, asked, errors = browser.new_page(), [], []
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - Playwright marks it
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route("**/openapi.json", lambda route: guarded(route) if groups == GROUPS[:1] else route.continue_())
    page.on("dialog", lambda dialog: dialog.accept("a-key-of-ada"))
    page.goto(address)
    for group in groups:
        page.click(f'h3[data-tag="{group}"] button')
    return page, asked, errors


def guarded(route):
    """A server that wants a key for its document."""
    known = "authorization" in route.request.headers
    route.continue_() if known else route.fulfill(status=401, body="{}")


with sync_playwright() as browsers:
    browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page, asked, errors = opened(browser, GROUPS)
    statuses = {path: tried(page, path) for path in PATHS}
    shown = page.locator(".opblock").count()
    locked, sent, _ = opened(browser, GROUPS[:1])
    tried(locked, "/embedding")
    guarding = [request for request in sent if request.method == "POST" or request.url.endswith("openapi.json")]
    keys = [request.headers.get("authorization") for request in guarding]
    found = {
        "operations": shown,
        "statuses": statuses,
        "asked": [request.url for request in asked],
        "complaints": errors,
    }
    browser.close()
print(json.dumps(found | {"with a key": keys}))
