"""What is typed at the page, what its links may hold, and the requests that it sends, in Chromium."""

import json
import shutil
import subprocess
from urllib.parse import quote

import pytest
import requests

pytest.importorskip("playwright", reason="Playwright is an extra: scripts/setup browser")

from tests.browser.chromium import SMALL
from tests.browser.drawn import CHECKS
from tests.e2e.conftest import PAGES

pytestmark = pytest.mark.skipif(not shutil.which("chromium"), reason="no browser: apt-get install chromium")

WORD = "Donaudampfschifffahrtsgesellschaft" * 5
LONG = {
    "embedding": {"inputs": [WORD, "b"]},
    "similarity": {"source": WORD, "sentences": [WORD]},
    "rerank": {"query": WORD, "texts": [WORD, "b"]},
    "hidden-states": {"inputs": [WORD]},
    "tokenize": {"inputs": [WORD]},
    "text-classification": {"inputs": [WORD]},
    "token-classification": {"inputs": [WORD]},
    "question-answering": {"question": WORD, "context": WORD},
    "fill-mask": {"inputs": [f"{WORD} [MASK]"]},
    "sparse-embedding": {"inputs": [WORD]},
    "explanations": {"inputs": [WORD]},
}


def asked(url, task, body):
    return requests.post(f"{url}/{task}", json=body, timeout=60).json()


def test_a_field_that_was_emptied_takes_texts_again(visit):
    one = visit()
    page = one.open("embedding")
    field = page.get_by_label("inputs", exact=True)
    field.click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Backspace")
    page.keyboard.type("hello\nthere")
    page.keyboard.press("Control+Enter")
    one.answered()
    assert one.body() == {"inputs": ["hello", "there"]}
    field.fill("")
    page.keyboard.press("Control+Enter")
    page.get_by_role("alert").wait_for()
    code = page.get_by_label("the request with curl").inner_text()
    assert code.endswith("-d '{}'")  # as the page sent it, by POST


@pytest.mark.parametrize("task", LONG)
def test_a_long_word_makes_no_page_wider_than_a_phone(visit, task):
    name = PAGES.get(task, "classes" if task == "explanations" else "bert")
    one = visit(name)
    one.leave(SMALL)
    page = one.open(task, LONG[task])
    assert page.get_by_role("alert").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == SMALL["width"]


@pytest.mark.parametrize("task", ["embedding", "tokenize", "hidden-states"])
def test_a_link_may_say_text_for_inputs_or_nothing_but_inputs(visit, task):
    one = visit()
    texts = ["A cat sat on the mat. It purred."] if task != "embedding" else ["hello", "a", "b", "c", "d"]
    body = {"inputs": texts}
    for given in ({"text": texts}, texts):
        page = one.open(task, given)
        assert one.body() == body
        CHECKS[task](page, body, asked(one.url, task, body))
        one.leave()
    one.refused(task, 5)


def test_a_link_is_asked_as_it_is(visit):
    visit().refused("rerank", {"query": "a", "texts": ["b", "", "c"]})


def test_a_key_that_no_request_can_have_is_not_tried(visit):
    one = visit()
    page = one.page
    page.route(
        "**/1.0/info", lambda route: route.fulfill(status=401, body=json.dumps({"error": "this server requires a key"}))
    )
    page.goto(f"{one.url}/ui")
    field, use = page.get_by_label("API key"), page.get_by_role("button", name="Use it")
    for key in ("ключ", "two words"):
        field.fill(key)
        use.click()
        assert "of ASCII only" in page.locator("form.key").inner_text()
        assert one.violations() == []
    page.unroute_all()
    field.fill("letters")
    use.click()
    page.locator("nav").wait_for()


def test_the_last_mask_is_filled_in_place(visit):
    one = visit("words")
    page = one.open("fill-mask", {"inputs": ["Paris is in [MASK].", "The [MASK] sat."], "top_k": 3})
    for number, end in ((1, "."), (2, " sat.")):
        word = page.get_by_role("region", name=f"mask 1 of text {number}").get_by_role("button").nth(1)
        chosen = word.inner_text()
        word.click()
        filled = page.get_by_role("region", name=f"mask 1 of text {number}").get_by_role("status")
        assert chosen.removeprefix("##") + end in filled.inner_text()
        assert page.get_by_role("alert").count() == 0


def test_numbers_keep_their_sign_in_front_in_a_text_from_right_to_left(visit):
    page = visit("classes").open("explanations", {"inputs": ["القطة نائمة على الأريكة"]})
    shown = page.locator(".tokens[dir=rtl] small")
    assert shown.count() > 3
    assert set(shown.evaluate_all("all => all.map(each => getComputedStyle(each).direction)")) == {"ltr"}


def test_a_request_too_long_for_one_argument_is_copied_as_code_that_runs(visit):
    one = visit()
    body = {"inputs": [f"{number} it's " + "word " * 30 for number in range(900)]}
    page = one.page
    page.goto(f"{one.url}/ui#embedding={quote(json.dumps(body))}")
    page.locator("nav").wait_for()
    one.answered()
    code = page.get_by_label("the request with curl").inner_text()
    said = subprocess.run(["bash"], input=code, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == asked(one.url, "embedding", body)
