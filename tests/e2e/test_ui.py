"""The page at `ui` in Chromium: each task asked by its first example, and what is drawn against the server's answer."""

import shutil
import subprocess
import sys

import orjson
import pytest
import requests

from handler.tasks import TASKS

pytest.importorskip("playwright", reason="Playwright is an extra: scripts/setup browser")

from tests.browser.chromium import SMALL
from tests.browser.drawn import CHECKS
from tests.e2e.conftest import PAGES

pytestmark = pytest.mark.skipif(not shutil.which("chromium"), reason="no browser: apt-get install chromium")

ASKED = [task for task in TASKS if task not in ("zero-shot-classification", "multi-vector", "hybrid-embedding")]
"""`python -m tests.browser` has archives for the others."""
LOOKED_AT = ("embedding", "token-classification", "explanations")
"""By axe-core, here; by `python -m tests.browser` all are, in all looks."""


def asked(url, task, body):
    answer = (
        requests.get(f"{url}/{task}", timeout=60)
        if body is None
        else requests.post(f"{url}/{task}", json=body, timeout=60)
    )
    return answer.json()


@pytest.mark.parametrize("task", ASKED)
def test_each_task_is_drawn_and_shown_again_by_its_link_and_refused_in_the_servers_words(visit, task):
    one = visit(PAGES.get(task, "bert"))
    page = one.open(task)
    body = one.example()
    answer = asked(one.url, task, body)
    CHECKS[task](page, body, answer)
    assert task not in LOOKED_AT or one.violations() == []

    link = page.url
    one.leave(SMALL, "dark")
    page.goto(link)
    one.answered()
    assert one.body() == body
    CHECKS[task](page, body, answer)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert max(background) < 64

    one.leave()
    if body is not None:
        one.refused(task, body | {"no_such_key": 1})


def test_every_task_has_a_drawing_and_a_check():
    assert set(CHECKS) == set(TASKS)


def test_an_error_is_shown_as_the_server_says_it(visit):
    one = visit()
    body = {"inputs": ["a"], "dimensions": 9999}
    page = one.open("embedding", body)
    said = asked(one.url, "embedding", body)["error"]
    assert page.get_by_role("alert").inner_text() == f"422 {said}"
    assert one.violations() == []


def test_a_link_to_a_task_that_is_not_there_says_so(visit):
    page = visit().open("fill-mask")
    assert "cannot do fill-mask" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("link", name="embedding", exact=True).get_attribute("aria-current") == "page"


def test_what_was_cut_is_said(visit):
    page = visit().open("embedding", {"inputs": ["word " * 300, "short"]})
    assert (
        "1 of the texts is longer than the model reads (at most 256 tokens) and was cut"
        in page.locator(".timing").inner_text()
    )


def test_offsets_are_those_of_characters_and_not_of_utf16(visit):
    one = visit("entities")
    body = {"inputs": ["🙂🙂 李白住在长安。 Ada"]}
    CHECKS["token-classification"](
        one.open("token-classification", body), body, asked(one.url, "token-classification", body)
    )


def test_keys_of_the_task_and_the_keyboard_alone(visit):
    one = visit()
    page = one.open("embedding")
    page.get_by_label("inputs", exact=True).fill("first\nsecond\n")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # opens the other keys
    page.get_by_label("dimensions", exact=True).fill("8")
    page.get_by_label("normalize", exact=True).select_option("false")
    page.keyboard.press("Control+Enter")
    one.answered()
    assert one.body() == {"inputs": ["first", "second"], "dimensions": 8, "normalize": False}
    page.go_back()
    page.get_by_text("The answer is drawn here.").wait_for()


def test_a_key_is_asked_for_and_not_kept(visit):
    one = visit()
    key, seen = "a-key-of-enough-letters", []

    def guarded(route):
        seen.append(route.request.headers.get("authorization"))
        if seen[-1] == f"Bearer {key}":
            return route.continue_()
        error = {"error": "this server requires an API key", "error_type": "unauthorized"}
        return route.fulfill(status=401, body=orjson.dumps(error))

    for path in ("info", "openapi.json", "embedding"):
        one.page.route(f"**/1.0/{path}", guarded)
    page = one.page
    page.goto(f"{one.url}/ui#embedding=%7B%22inputs%22%3A%5B%22a%22%5D%7D")
    assert page.get_by_role("alert").inner_text() == "this server requires an API key"
    assert one.violations() == []
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use it").click()
    one.answered()
    assert seen[-1] == f"Bearer {key}"
    assert "$BERT_KEY" in page.locator("main pre").first.inner_text()
    assert key not in page.content()
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
    page.reload()
    page.get_by_label("API key").wait_for()


def test_the_map_finds_by_meaning(visit):
    one = visit()
    texts = [f"a recipe for {what}" for what in ("bread", "soup", "cake")] + [
        "the stock market",
        "shares fell",
        "a bond",
    ]
    page = one.open("embedding", {"inputs": texts})
    page.get_by_label("search by meaning").fill("baking")
    page.keyboard.press("Enter")
    nearest = page.get_by_role("list", name="nearest texts")
    nearest.wait_for()
    assert set(nearest.locator(".name").all_inner_texts()[:3]) == set(texts[:3])
    page.get_by_label("texts", exact=True).select_option(texts[3])
    assert page.locator(".map .chosen").count() == 1


def test_only_what_was_asked_last_is_drawn_and_the_other_is_not_waited_for(visit):
    one, held, dropped = visit(), [], []
    page = one.open("embedding")
    page.on("requestfailed", lambda request: dropped.append(request.failure))
    one.page.route("**/1.0/embedding", lambda route: route.continue_() if held else held.append(route))
    inputs = page.get_by_label("inputs", exact=True)
    for text in ("slow", "fast"):
        inputs.fill(text)
        with page.expect_request("**/1.0/embedding"):
            page.keyboard.press("Control+Enter")
    one.answered()
    assert dropped == ["net::ERR_ABORTED"]
    assert (one.body(), inputs.input_value()) == ({"inputs": ["fast"]}, "fast")
    assert page.get_by_role("status").first.inner_text() == "Answered."


def test_several_choices_are_boxes_to_tick(visit):
    one = visit()
    page = one.open("embedding", {"inputs": ["a"], "pooling": ["mean", "cls"]})
    boxes = page.get_by_role("group", name="pooling")
    assert {each for each in ("mean", "cls", "max") if boxes.get_by_label(each, exact=True).is_checked()} == {
        "mean",
        "cls",
    }
    for change, wanted in (("mean", "cls"), ("max", ["cls", "max"])):
        boxes.get_by_label(change, exact=True).click()
        page.get_by_role("button", name="Ask").click()
        one.answered()
        assert one.body() == {"inputs": ["a"], "pooling": wanted}
    assert one.violations() == []


def test_a_request_too_long_for_a_link_is_answered(visit):
    page = visit().open("embedding")
    page.evaluate("() => { history.pushState = () => { throw new DOMException(`too long`) } }")
    page.get_by_label("inputs", exact=True).fill("text")
    page.keyboard.press("Control+Enter")
    page.get_by_text("it has no link").wait_for()
    page.locator(".timing").wait_for()


def snippet(page, name):
    """The request as the page writes it for another program."""
    page.get_by_role("button", name=name, exact=True).click()
    return page.locator("section[aria-labelledby=same] pre").inner_text()


def test_the_same_request_from_a_shell_and_from_python(visit, many):
    one = visit()
    body = {"inputs": ['it\'s "one"', "猫 & $HOME"], "normalize": True}
    page = one.open("embedding", body)
    expected = asked(one.url, "embedding", body)
    snippets = {}
    for name in ("curl", "Python", "BertClient"):
        snippets[name] = snippet(page, name)
    assert page.get_by_role("button", name="OpenAI", exact=True).count() == 0  # it has no key `normalize`
    snippets["OpenAI"] = snippet(one.open("embedding", {"inputs": body["inputs"]}), "OpenAI")
    ran = subprocess.run(["bash", "-c", snippets["curl"]], capture_output=True, check=True)
    assert orjson.loads(ran.stdout) == expected
    alone = subprocess.run([sys.executable, "-c", snippets["Python"]], capture_output=True, text=True, check=True)
    assert eval(alone.stdout) == expected
    for name in ("BertClient", "OpenAI"):
        compile(snippets[name], name, "exec")
        assert many.url in snippets[name]
