"""What each task's drawing has to show of an answer, which the test has asked for by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page

Check = Callable[[Page, Any, Any], None]
CLOSE = 0.006
"""Of a number with two decimal places."""


def bars(page: Page, label: str) -> tuple[list[str], list[str]]:
    """Names and values of all lists of that name."""
    found = page.get_by_role("list", name=label, exact=True)
    return found.locator(".name").all_inner_texts(), found.locator(".value").all_inner_texts()


def cells(page: Page | Locator) -> Any:
    """Numbers of the heat map."""
    rows = page.locator("tbody tr")
    return np.array([[float(text) for text in row.locator("td").all_inner_texts()] for row in rows.all()])


def cosines(vectors: Any) -> Any:
    """`(texts, texts)`."""
    units = np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units @ units.T


def share(value: float) -> str:
    """As the page writes it."""
    return f"{100 * value:.1f} %"


def embedding(page: Page, body: Any, answer: Any) -> None:
    """A heat map, the nearest pair, and a point for each text."""
    expected = cosines(answer)
    assert np.abs(cells(page.locator(".heat")) - expected).max() < CLOSE
    first, second = np.unravel_index(np.argmax(np.tril(expected, -1)), expected.shape)
    assert bars(page, "nearest pairs")[0][0] == f"{body['inputs'][second]} — {body['inputs'][first]}"
    assert page.locator(".map circle").count() == len(answer)


def chunks(page: Page, body: Any, answer: Any) -> None:
    """Named by their words."""
    ((text,), (own,)) = body["inputs"], answer
    names = [text[each["start"] : each["stop"]].strip() for each in own]
    assert [each.get_attribute("title") for each in page.locator(".heat tbody th").all()] == names
    assert np.abs(cells(page.locator(".heat")) - cosines([each["embedding"] for each in own])).max() < CLOSE


def similarity(page: Page, body: Any, answer: Any) -> None:
    """Sentences, the most similar first."""
    order = np.argsort(answer)[::-1]
    assert bars(page, "cosines") == ([body["sentences"][n] for n in order], [f"{answer[n]:.3f}" for n in order])
    page.locator(".heat").wait_for()
    assert np.abs(cells(page.locator(".heat"))[0, 1:] - answer).max() < CLOSE


def rerank(page: Page, body: Any, answer: Any) -> None:
    """Texts, best first, and from where they came."""
    rows = page.locator(".ranking li")
    assert rows.locator("[title]").all_inner_texts() == [body["texts"][each["index"]] for each in answer]
    assert rows.locator(".value").all_inner_texts() == [f"{each['score']:.4f}" for each in answer]


def classes(page: Page, body: Any, answer: Any) -> None:
    """Labels and their shares."""
    found = [each for labels in answer for each in labels]
    assert bars(page, "classes") == ([each["label"] for each in found], [share(each["score"]) for each in found])


def entities(page: Page, body: Any, answer: Any) -> None:
    """Marked in the text at the server's offsets."""
    (found,), (text,) = answer, body["inputs"]
    assert page.locator("mark bdi").all_inner_texts() == [text[each["start"] : each["end"]] for each in found]
    assert page.locator("mark small").all_inner_texts() == [each["entity_group"] for each in found]
    assert bars(page, "entities with scores")[1] == [share(each["score"]) for each in found]


def answers(page: Page, body: Any, answer: Any) -> None:
    """The best one marked in the context, all of them in a list."""
    assert page.locator("mark.best bdi").all_inner_texts() == [answer[0]["answer"]]
    assert page.locator(".marked").inner_text() == body["context"]
    names, values = bars(page, "answers")
    assert (names, values) == ([each["answer"] for each in answer], [share(each["score"]) for each in answer])


def masks(page: Page, body: Any, answer: Any) -> None:
    """Choices with their shares."""
    (found,) = answer
    expected = [each["token_str"] for each in found], [share(each["score"]) for each in found]
    assert bars(page, "choices for mask 1") == expected


def weights(page: Page, body: Any, answer: Any) -> None:
    """Words, the heaviest first, none left a number."""
    values = sorted((each["value"] for each in answer[0]), reverse=True)
    assert bars(page, "words by weight")[1] == [f"{each:.3f}" for each in values]
    page.locator(".cloud span", has_text=re.compile(r"^#\d+$")).first.wait_for(state="detached")


def explanations(page: Page, body: Any, answer: Any) -> None:
    """Tokens with what each adds."""
    ((window,),) = answer
    assert page.locator(".tokens bdi").all_inner_texts() == window["tokens"]
    shown = [float(text) for text in page.locator(".tokens small").all_inner_texts()]
    assert np.abs(np.array(shown) - window["attributions"]).max() < 0.0006


def words(page: Page, body: Any, answer: Any) -> None:
    """Neighbours, the nearest first."""
    found = answer[0]["neighbours"]
    assert bars(page, "nearest words") == (
        [each["token"] for each in found],
        [f"{each['score']:.3f}" for each in found],
    )


def states(page: Page, body: Any, answer: Any) -> None:
    """How near the tokens are, by their names."""
    page.locator(".heat th[scope=row]", has_text="[CLS]").wait_for()
    assert np.abs(cells(page.locator(".heat")) - cosines(answer[0])).max() < 0.06


def vectors(page: Page, body: Any, answer: Any) -> None:
    """Of the first text against those of each other, and their MaxSim."""
    first, *others = (np.array(text) for text in answer)
    assert np.abs(cells(page.locator(".heat").first) - first @ others[0].T).max() < 0.06
    for text in others:
        assert f"MaxSim is {(first @ text.T).max(axis=1).sum():.3f}" in page.locator("main").inner_text()


def hybrid(page: Page, body: Any, answer: Any) -> None:
    """Each of the three as by its own task."""
    assert np.abs(cells(page.locator(".heat").first) - cosines([text["dense"] for text in answer])).max() < CLOSE
    values = [value for text in answer for value in sorted((each["value"] for each in text["sparse"]), reverse=True)]
    assert bars(page, "words by weight")[1] == [f"{value:.3f}" for value in values]
    first, *others = (np.array(text["multi_vector"]) for text in answer)
    for text in others:
        assert f"MaxSim is {(first @ text.T).max(axis=1).sum():.3f}" in page.locator("main").inner_text()


def tokens(page: Page, body: Any, answer: Any) -> None:
    """Pieces and ids."""
    assert page.locator(".tokens bdi").all_inner_texts() == [each["text"] for text in answer for each in text]
    assert page.locator(".tokens small").all_inner_texts() == [str(each["id"]) for text in answer for each in text]


def decoded(page: Page, body: Any, answer: Any) -> None:
    """The texts."""
    assert page.locator("li.marked").all_inner_texts() == answer


def info(page: Page, body: Any, answer: Any) -> None:
    """Every key."""
    assert page.locator(".facts th").all_inner_texts() == list(answer)
    assert str(answer["dimensions"]) in page.locator(".facts td").all_inner_texts()


CHECKS: dict[str, Check] = {
    "embedding": embedding,
    "chunk-embedding": chunks,
    "similarity": similarity,
    "rerank": rerank,
    "text-classification": classes,
    "zero-shot-classification": classes,
    "token-classification": entities,
    "question-answering": answers,
    "fill-mask": masks,
    "sparse-embedding": weights,
    "multi-vector": vectors,
    "hybrid-embedding": hybrid,
    "explanations": explanations,
    "word-vectors": words,
    "hidden-states": states,
    "tokenize": tokens,
    "decode": decoded,
    "info": info,
}
