"""`predict` on a terminal: each task's drawing has what the archive answered, at any width, in colour and without."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
from itertools import chain
from typing import Any

import numpy as np
import pytest
import requests
from rich.cells import cell_len
from rich.console import Console

from scripts.drawing.show import drawing
from scripts.paths import ROOT

TEXTS = ["The cat sleeps on the sofa.", "猫在沙发上睡觉。", "القطة نائمة على الأريكة"]
CONTEXT = "Ada Lovelace was born in London in 1815."

Words = list[str]


def cosine_words(vectors: Any) -> Words:
    """As a wide heat map writes them."""
    units = np.array(vectors) / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return [f"{round(float(value), 2) + 0.0:.2f}" for value in (units @ units.T).ravel()]


def scored(answer: Any, key: str = "label") -> Words:
    """Names and shares."""
    return [word for each in answer for word in (each[key].strip(), f"{100 * each['score']:.1f} %")]


CASES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "embedding": ("bert", {"inputs": TEXTS}, lambda answer: [*TEXTS, *cosine_words(answer)]),
    "chunk-embedding": (
        "bert",
        {"inputs": CONTEXT, "chunk_size": 6},
        lambda answer: [CONTEXT[each["start"] : each["stop"]] for each in answer[0]],
    ),
    "similarity": (
        "bert",
        {"source": TEXTS[0], "sentences": TEXTS[1:]},
        lambda answer: [*TEXTS, "nearest pairs", *(f"{value:.3f}" for value in answer)],
    ),
    "rerank": (
        "reranker",
        {"query": "q", "texts": TEXTS},
        lambda answer: [word for each in answer for word in (f"{each['score']:.4f}", TEXTS[each["index"]])],
    ),
    "text-classification": ("classes", {"inputs": TEXTS}, lambda answer: [*TEXTS, *scored(chain(*answer))]),
    "token-classification": (
        "entities",
        {"inputs": CONTEXT},
        lambda answer: [f"[{CONTEXT[each['start'] : each['end']]} {each['entity_group']}]" for each in answer[0]],
    ),
    "question-answering": (
        "answers",
        {"question": "Where?", "context": CONTEXT},
        lambda answer: [f"[{answer[0]['answer']} 1]", *scored(answer, "answer")],
    ),
    "fill-mask": (
        "words",
        {"inputs": "A [MASK]."},
        lambda answer: ["A [MASK].", *scored(answer[0], "token_str")],
    ),
    "sparse-embedding": (
        "words",
        {"inputs": "a cat", "top_k": 9},
        lambda answer: [f"{each['value']:.3f}" for each in answer[0]],
    ),
    "explanations": (
        "classes",
        {"inputs": "a cat", "steps": 4},
        lambda answer: [f"{value:+.3f}" for value in answer[0][0]["attributions"] if value],
    ),
    "word-vectors": (
        "bert",
        {"inputs": ["coffee", "tea"], "top_k": 3, "vectors": False, "cosines": True},
        lambda answer: [each["token"] for word in answer for each in word["neighbours"]],
    ),
    "hidden-states": ("bert", {"inputs": "a cat"}, lambda answer: ["[CLS]", "cat", *cosine_words(answer[0])]),
    "tokenize": (
        "bert",
        {"inputs": TEXTS[:1]},
        lambda answer: ["|".join(each["text"] for each in answer[0]), f"{len(answer[0])} tokens"],
    ),
    "decode": ("bert", {"ids": [[7592, 2088]]}, lambda answer: [f"1. {answer[0]}"]),
    "info": ("bert", {}, lambda answer: ["embedding, similarity, rerank", str(answer["vocabulary"])]),
}
"""By task: the archive, a body, and words that a wide drawing of the answer has."""


def drawn(renderable: Any, width: int, **options: Any) -> str:
    """As a console of that width has it."""
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False, **options)
    console.print(renderable)
    return file.getvalue()


@pytest.mark.parametrize("task", CASES)
def test_a_drawing_has_what_was_answered(many, task, monkeypatch):
    model, body, words = CASES[task]

    def post(task, fields):
        return requests.post(f"{many.url}/predictions/{model}", json={**fields, "task": task}, timeout=60)

    response = post(task, body)
    made = drawing({**body, "task": task}, response, lambda *asked: post(*asked).json())
    shown = drawn(made, 160)
    assert [word for word in words(response.json()) if word not in shown] == []
    assert "\x1b" not in shown
    assert "\x1b[" in drawn(made, 160, force_terminal=True, color_system="truecolor")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[38" not in drawn(made, 160, force_terminal=True, color_system="truecolor")
    for width in (40, 80):
        assert all(cell_len(line) <= width for line in drawn(made, width).splitlines())


def test_a_terminal_gets_a_drawing_and_a_pipe_json(many):
    text = many("predict", "classes", "a cat").stdout
    assert {each["label"] for each in json.loads(text)[0]} == {"bad", "good", "fair"}
    assert "█" in many("predict", "classes", "a cat", "--draw").stdout
    ours, theirs = pty.openpty()
    command = [ROOT / "scripts" / "bert", "predict", "classes", "a cat"]
    subprocess.run(command, env=many.environment(TERM="xterm", COLUMNS="60"), stdout=theirs, timeout=60, check=True)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "█" in shown
    assert " ms: " in shown
