"""Drawings of the page that one can change, in Chromium: what is chosen, where it is kept, and what they ask beside."""

import shutil

import pytest

pytest.importorskip("playwright", reason="Playwright is an extra: scripts/setup browser")

pytestmark = pytest.mark.skipif(not shutil.which("chromium"), reason="no browser: apt-get install chromium")


def places(page):
    """Of the map's points, `(texts, 2)`."""
    script = "all => all.map(each => [Number(each.getAttribute('cx')), Number(each.getAttribute('cy'))])"
    return page.locator(".map circle").evaluate_all(script)


def test_the_map_is_refined_and_its_link_shows_the_same_choices(visit):
    one = visit()
    body = {"inputs": [f"{number} words on {what}" for what in ("bread", "stocks", "cats") for number in range(12)]}
    page = one.open("embedding", body)
    chosen, refined = page.get_by_label("places by"), page.locator("[aria-label=map] [aria-busy=false]")
    assert chosen.input_value() == "t-SNE"
    refined.wait_for()
    by_tsne = places(page)
    chosen.select_option("PCA")
    refined.wait_for()
    by_components = places(page)
    assert by_components != by_tsne
    page.get_by_label("groups").select_option("3")
    page.get_by_label("search by meaning").fill("loaf; or: roll?")
    page.keyboard.press("Enter")
    page.get_by_role("list", name="nearest texts").wait_for()
    assert one.violations() == []

    link = page.url
    one.leave()
    page.emulate_media(reduced_motion="reduce")
    page.goto(link)
    page.get_by_role("list", name="nearest texts").wait_for()
    assert one.body() == body
    assert [page.get_by_label(name).input_value() for name in ("places by", "groups", "search by meaning")] == [
        "PCA",
        "3",
        "loaf; or: roll?",
    ]
    assert places(page) == by_components
    chosen.select_option("t-SNE")
    refined.wait_for()
    assert places(page) == by_tsne
    page.emulate_media(reduced_motion="no-preference")


def test_a_choice_takes_the_masks_place(visit):
    one = visit("words")
    page = one.open("fill-mask", {"inputs": ["Paris is in [MASK] and [MASK]."], "top_k": 2})
    word = page.get_by_role("list", name="choices for mask 2").get_by_role("button").first
    chosen = word.inner_text()
    word.click()
    page.wait_for_function(
        "word => document.querySelector('textarea').value.includes(word)", arg=f"[MASK] and {chosen}."
    )


def test_more_texts_than_a_heat_map_has_room_for_still_have_nearest_pairs(visit):
    texts = [f"number {number} of many" for number in range(28)] + ["Bread is baked.", "Someone bakes bread."]
    page = visit().open("embedding", {"inputs": texts})
    nearest = page.get_by_role("list", name="nearest pairs")
    nearest.wait_for()
    assert page.locator(".heat").count() == 0
    assert page.get_by_text("30 texts: a heat map of all pairs is drawn for up to 24").count() == 1
    page = visit().open("similarity", {"source": "a", "sentences": texts})
    nearest.wait_for()
    assert page.locator(".heat").count() == 0


def test_a_link_shows_the_same_layer_and_head(visit):
    one = visit("classes")
    page = one.open("explanations", {"inputs": ["A cat sat."], "steps": 2, "attention": True})
    page.get_by_label("layer").select_option(label="2")
    page.get_by_label("head").select_option(label="2")
    shown = page.locator(".heat td[style]").evaluate_all("all => all.map(each => each.getAttribute('style'))")
    link = page.url
    assert ";layer:2;head:2=" in link
    one.leave()
    page.goto(link)
    one.answered()
    assert (page.get_by_label("layer").input_value(), page.get_by_label("head").input_value()) == ("1", "1")
    assert page.locator(".heat td[style]").evaluate_all("all => all.map(each => each.getAttribute('style'))") == shown


@pytest.mark.parametrize(
    ("task", "beside", "what"),
    [
        ("similarity", "embedding", "All pairs"),
        ("hidden-states", "tokenize", "Names of the tokens"),
        ("sparse-embedding", "decode", "Words"),
    ],
)
def test_what_a_drawing_asks_beside_and_does_not_get_is_said(visit, task, beside, what):
    one = visit("words" if task == "sparse-embedding" else "bert")
    refused = '{"error": "too many requests are waiting"}'
    one.page.route(f"**/1.0/{beside}", lambda route: route.fulfill(status=429, body=refused))
    page = one.open(task)
    one.example()
    assert page.get_by_role("alert").first.inner_text() == f"{what}: 429 too many requests are waiting"


def test_a_search_that_is_refused_says_why(visit):
    one = visit()
    page = one.open("embedding", {"inputs": ["bread", "stocks", "cats", "dogs"]})
    one.page.route("**/1.0/embedding", lambda route: route.fulfill(status=503, body='{"error": "busy"}'), times=1)
    page.get_by_label("search by meaning").fill("loaf")
    page.keyboard.press("Enter")
    assert page.get_by_role("alert").inner_text() == "Search: 503 busy"
    page.keyboard.press("Enter")
    page.get_by_role("list", name="nearest texts").wait_for()
    assert page.get_by_role("alert").count() == 0
